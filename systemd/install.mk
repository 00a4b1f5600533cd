# make install and make deb; see systemd/README.md.
# SPDX-License-Identifier: ISC

DESTDIR    ?=
PREFIX     ?= /usr
SYSCONFDIR ?= /etc
UNITDIR    ?= /lib/systemd/system
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/vendor-completions

# Made by the program that was just built, so that they cannot differ from it.
GENERATED := $(BUILD)/bulkhead.conf $(BUILD)/bulkhead.conf.5 $(BUILD)/completion.bash $(BUILD)/completion.zsh

# Every line commented out: the file changes nothing until somebody changes the file.
$(BUILD)/bulkhead.conf: $(BUILD)/bulkhead
	@{ printf '# Settings of bulkhead-sensor, bulkhead-guard and bulkhead: see bulkhead.conf(5).\n'; \
	   printf '# A line without # in front takes effect after `systemctl reload bulkhead-guard`.\n\n'; \
	   $< --config /dev/null config show | sed -e 's/^\([a-z].*\)/#\1\n/'; } >$@

$(BUILD)/bulkhead.conf.5: base/bulkhead.conf.5.in $(BUILD)/bulkhead
	@$(BUILD)/bulkhead --config /dev/null config show | awk -f base/settings_man.awk - $< >$@

$(BUILD)/completion.bash: $(BUILD)/bulkhead
	@$< completion bash >$@
$(BUILD)/completion.zsh: $(BUILD)/bulkhead
	@$< completion zsh >$@

MAN1 := cli/bulkhead.1
MAN5 := $(BUILD)/bulkhead.conf.5 policy/bulkhead-servers.5
MAN8 := $(filter-out policy/bulkhead-libvirt.8,$(wildcard sensor/*.8 policy/*.8 whitelist/*.8))
# The guard's unit, the sensor's, and what else stands beside them.
UNITS := $(filter-out systemd/bulkhead-libvirt.service,$(wildcard systemd/*.service systemd/*.timer systemd/*.slice))

into = install -d $(DESTDIR)$(2) && install -m $(1) $(3) $(DESTDIR)$(2)/$(4)

.PHONY: install install-cli install-hypervisor install-libvirt generated deb
generated: $(GENERATED)
install: install-cli install-hypervisor install-libvirt

install-cli: all generated
	$(Q)$(call into,755,$(PREFIX)/bin,$(BUILD)/bulkhead)
	$(Q)$(call into,644,$(PREFIX)/share/man/man1,$(MAN1))
	$(Q)$(call into,644,$(PREFIX)/share/man/man5,$(MAN5))
	$(Q)$(call into,644,$(BASHDIR),$(BUILD)/completion.bash,bulkhead)
	$(Q)$(call into,644,$(ZSHDIR),$(BUILD)/completion.zsh,_bulkhead)

# The settings of an installation that is there are its administrator's.
install-hypervisor: all generated
	$(Q)$(call into,755,$(PREFIX)/sbin,$(BUILD)/bulkhead-sensor $(BUILD)/bulkhead-guard \
		$(BUILD)/bulkhead-notice)
	$(Q)$(call into,755,$(PREFIX)/libexec/bulkhead,$(filter-out $(BUILD)/bulkhead $(BUILD)/bulkhead-sensor \
		$(BUILD)/bulkhead-guard $(BUILD)/bulkhead-notice $(BUILD)/bulkhead-libvirt,$(PROGRAMS)))
	$(Q)$(call into,755,$(PREFIX)/libexec/bulkhead/hooks,$(wildcard policy/hooks/*))
	$(Q)$(call into,644,$(UNITDIR),$(UNITS))
	$(Q)$(call into,644,$(PREFIX)/lib/sysusers.d,systemd/bulkhead.sysusers,bulkhead.conf)
	$(Q)$(call into,644,$(PREFIX)/lib/tmpfiles.d,systemd/bulkhead.tmpfiles,bulkhead.conf)
	$(Q)$(call into,644,$(PREFIX)/share/man/man8,$(MAN8))
	$(Q)$(call into,644,$(PREFIX)/share/doc/bulkhead-hypervisor/monitoring,$(wildcard systemd/monitoring/*))
	$(Q)[ -e $(DESTDIR)$(SYSCONFDIR)/bulkhead/bulkhead.conf ] || { \
		$(call into,644,$(SYSCONFDIR)/bulkhead,$(BUILD)/bulkhead.conf); }

# The one program that needs libvirt: a package of its own.
install-libvirt: all
	$(Q)$(call into,755,$(PREFIX)/libexec/bulkhead,$(BUILD)/bulkhead-libvirt)
	$(Q)$(call into,644,$(UNITDIR),systemd/bulkhead-libvirt.service)
	$(Q)$(call into,644,$(PREFIX)/share/man/man8,policy/bulkhead-libvirt.8)

# Debian's tools write beside the source tree: they get a copy, and none of this make's own variables (BUILD would
# name this build's folder, and their first step is make clean).
DEBTREE := $(BUILD)/deb/bulkhead-$(VERSION)
deb: | $(BUILD)
	$(Q)command -v dh >/dev/null && command -v dpkg-buildpackage >/dev/null || \
		{ echo "make deb needs dpkg-dev and debhelper: tests/packages.sh deb installs them" >&2; exit 1; }
	$(Q)rm -rf $(BUILD)/deb && mkdir -p $(DEBTREE)
	$(Q){ git ls-files -z -co --exclude-standard 2>/dev/null || find . -path ./$(BUILD) -prune -o -type f -print0; } | \
		tar -c --null -T - | tar -x -C $(DEBTREE)
	$(Q)cd $(DEBTREE) && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS dpkg-buildpackage -b -us -uc $(if $(V),,>../build.log 2>&1) || \
		{ tail -n 30 $(BUILD)/deb/build.log >&2; exit 1; }
	$(Q)ls $(BUILD)/deb/*.deb
$(BUILD):
	@mkdir -p $@
