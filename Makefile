# Bulkhead.  `make run` shows the main job at work, `make test` runs every ring, `make help` lists the rest.
# SPDX-License-Identifier: ISC

BUILD   ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
SAN     ?=
# V=1 shows the commands
Q       := $(if $(V),,@)
SHELL   := /bin/bash
.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
HARDEN  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
ifneq ($(SAN),)
OPT     := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
HARDEN  := -fPIE
LDSAN   := -fsanitize=address,undefined
else
OPT     := -O2 -g
LDSAN   :=
endif
# The path of a packet goes through sensor/ and base/: gcc optimises them as one when it links the programs that read
# packets (10 % less time per packet).  Their objects carry machine code too, and the other programs link that.
WHOLE   := $(if $(SAN)$(findstring clang,$(CC)),,-flto)
VERSION := $(shell cat VERSION 2>/dev/null || echo 0.1)
CPPFLAGS := -I. -D_GNU_SOURCE -DBULKHEAD_VERSION='"$(VERSION)"'
CFLAGS  ?=
ALL_CFLAGS = -std=gnu11 $(OPT) $(WARN) $(HARDEN) $(CFLAGS)
LDFLAGS ?=
ALL_LDFLAGS = -pie -Wl,--as-needed,-z,relro,-z,now $(LDSAN) $(AS_ONE) $(LDFLAGS)
AS_ONE  := $(if $(WHOLE),-fno-lto)
$(BUILD)/bulkhead-sensor $(BUILD)/bulkhead $(BUILD)/tests/bench/bench_sensor: AS_ONE := $(if $(WHOLE),$(WHOLE)=auto -O2)

# Libraries, each used by one module (base/README.md has the list).
LIB_BASE      := -lsodium -lconfuse -lseccomp -lcap
LIB_SENSOR    := -lpcap -lndpi -lmaxminddb -lpsl -lm
LIB_POLICY    := -lsqlite3 -ljansson -lm
LIB_WHITELIST := -lmagic
# What parses submitted documents is linked into bulkhead-check alone.
LIB_CHECK     := $(shell pkg-config --libs gmime-3.0 libxml-2.0) -lopendkim -lunbound -lcurl -lpsl -lidn2 -lpng -ljpeg -lwebp -ljansson
LIB_CLI       := -ljansson -lncurses -ltinfo
LIB_ENFORCE   := -lnftables -lnftnl -lmnl

# One archive per folder; a program takes from them only what it refers to, so that the CLI has the pure part of
# policy but neither the database nor the enforcer (tests/lint checks that).
objs = $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/main.c,$(1)))
BASE      := $(BUILD)/libbase.a
SENSOR    := $(BUILD)/libsensor.a
WHITELIST := $(BUILD)/libwhitelist.a
CHECK     := $(BUILD)/libcheck.a
POLICY    := $(BUILD)/libpolicy.a
ENFORCE   := $(BUILD)/libenforce.a

$(call objs,$(wildcard sensor/*.c base/*.c)) $(BUILD)/sensor/main.o: ALL_CFLAGS += $(if $(WHOLE),$(WHOLE) -ffat-lto-objects)

ENFORCE_C := $(wildcard policy/enforce*.c)
$(BASE): $(call objs,$(wildcard base/*.c))
$(SENSOR): $(call objs,$(wildcard sensor/*.c))
CHECK_C   := $(filter-out whitelist/check.c whitelist/check_form.c whitelist/check_job.c whitelist/check_main.c, \
    $(wildcard whitelist/check_*.c))
$(WHITELIST): $(call objs,$(filter-out $(CHECK_C) whitelist/check_main.c,$(wildcard whitelist/*.c)))
$(CHECK): $(call objs,$(CHECK_C))
# Their headers are not ours to warn about.
$(BUILD)/whitelist/check_message.o $(BUILD)/whitelist/check_mime.o: CPPFLAGS += $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I gmime-3.0))
$(BUILD)/whitelist/check_html.o: CPPFLAGS += $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I libxml-2.0))
$(POLICY): $(call objs,$(filter-out $(ENFORCE_C) policy/notify_main.c policy/responder_main.c $(wildcard policy/libvirt_*.c),$(wildcard policy/*.c)))
$(ENFORCE): $(call objs,$(ENFORCE_C))

# Archives that refer to each other in a circle.
group = -Wl,--start-group $(1) -Wl,--end-group

PROGRAMS := $(BUILD)/bulkhead $(BUILD)/bulkhead-sensor $(BUILD)/bulkhead-guard $(BUILD)/bulkhead-check \
    $(BUILD)/bulkhead-notify $(BUILD)/bulkhead-notice $(BUILD)/bulkhead-libvirt

all: $(PROGRAMS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Made anew each time: an archive keeps what a removed source left in it.
$(BUILD)/%.a:
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

$(BUILD)/bulkhead-sensor: $(BUILD)/sensor/main.o $(SENSOR) $(BASE)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) $(LIB_SENSOR) $(LIB_BASE)

$(BUILD)/bulkhead-guard: $(BUILD)/policy/main.o $(POLICY) $(ENFORCE) $(WHITELIST) $(SENSOR) $(BASE)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) $(LIB_POLICY) $(LIB_WHITELIST) $(LIB_ENFORCE) $(LIB_BASE)

$(BUILD)/bulkhead-notice: $(BUILD)/policy/responder_main.o $(POLICY) $(BASE)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) $(LIB_BASE)

$(BUILD)/bulkhead-check: $(BUILD)/whitelist/check_main.o $(CHECK) $(WHITELIST) $(BASE)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) $(LIB_CHECK) $(LIB_BASE)

# The one program that needs libvirt.
LIBVIRT_O := $(call objs,policy/libvirt_xml.c policy/libvirt_source.c)
$(BUILD)/policy/libvirt_xml.o: CPPFLAGS += $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I libxml-2.0))
$(BUILD)/bulkhead-libvirt: $(BUILD)/policy/libvirt_main.o $(LIBVIRT_O) $(POLICY) $(BASE)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) -lvirt -lxml2 -ljansson -lm $(LIB_BASE)

$(BUILD)/bulkhead-notify: $(BUILD)/policy/notify_main.o $(POLICY) $(BASE)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) -ljansson -lm $(LIB_BASE)

$(BUILD)/bulkhead: $(call objs,$(wildcard cli/*.c)) $(BUILD)/cli/main.o $(SENSOR) $(POLICY) $(WHITELIST) $(BASE)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) $(LIB_CLI) $(LIB_SENSOR) $(LIB_BASE)

include systemd/install.mk
include tests/tests.mk

.PHONY: all clean help
help:
	@echo "make run [IFACE=eth0]  install what is needed, build, and show the main job at work (or watch an interface)"
	@echo "make test              every ring of tests, with sanitizers, namespaces and linters"
	@echo "make                   the programs, in $(BUILD)/"
	@echo "make bench             time per packet beside other programs"
	@echo "make bench-live        from packet to observation through the running sensor: latency, CPU, drops in a burst"
	@echo "make bench-leak        what a mailing still delivers after its bound, beside nftables alone and fail2ban"
	@echo "make bench-judge       the judge: time per observation and memory per server"
	@echo "make bench-verdicts    the labelled world at full size: who is blocked, who is spared"
	@echo "make bench-tls         messages counted under TLS against the truth"
	@echo "make install           into DESTDIR, below PREFIX=/usr"
	@echo "make deb               Debian packages, in $(BUILD)/deb/"
	@echo "make soak              faults and load for long"
	@echo "make clean             remove $(BUILD)/"
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -type f -name '*.d' -not -path '*/deb/*' 2>/dev/null)
