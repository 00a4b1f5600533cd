# The rings of tests; see tests/README.md.
# SPDX-License-Identifier: ISC

SANBUILD  := $(BUILD)/san
TEST_A    := $(POLICY) $(ENFORCE) $(WHITELIST) $(CHECK) $(SENSOR) $(BASE)
TEST_LIBS := $(LIB_CLI) $(LIB_SENSOR) $(LIB_POLICY) $(LIB_WHITELIST) $(LIB_ENFORCE) $(LIB_CHECK) $(LIB_BASE)
GEN_O     := $(call objs,$(wildcard tests/gen/*.c))

# Programs of one source with what they test: unit, policy, sandbox, fuzz, bench.
$(BUILD)/tests/unit/test_%: $(BUILD)/tests/unit/test_%.o $(GEN_O) $(TEST_A)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) -lcmocka $(TEST_LIBS)

# This one starts workers.
$(BUILD)/tests/unit/test_check_spawner: | $(BUILD)/bulkhead-check

# This one talks to libvirt's test driver.
$(BUILD)/tests/unit/test_libvirt: $(LIBVIRT_O)
$(BUILD)/tests/unit/test_libvirt: TEST_LIBS += -lvirt
$(BUILD)/tests/fuzz/fuzz_domain: $(BUILD)/policy/libvirt_xml.o

# This one reads the page as a browser would.
$(BUILD)/tests/unit/test_dossier.o: CPPFLAGS += $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I libxml-2.0))

# A spy reads what is handed to nDPI.
$(BUILD)/tests/unit/test_credentials: ALL_LDFLAGS += -Wl,--wrap=classify_packet

# These test the command line program.
$(BUILD)/tests/unit/test_output $(BUILD)/tests/unit/test_replay $(BUILD)/tests/unit/test_top $(BUILD)/tests/unit/test_complaint: $(call objs,$(wildcard cli/*.c))

$(BUILD)/tests/policy/test_%: $(BUILD)/tests/policy/test_%.o \
    $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/policy/test_%,$(wildcard tests/policy/*.c))) $(TEST_A)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) -lcmocka $(TEST_LIBS)

$(BUILD)/tests/sandbox/test_%: $(BUILD)/tests/sandbox/test_%.o $(TEST_A)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) -lcmocka $(TEST_LIBS)

# A harness is driven by its corpus (make test), or by libFuzzer (make fuzz).
FUZZ_MAIN := $(if $(LIBFUZZER),,$(BUILD)/tests/fuzz/replay_main.o)
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(TEST_A)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) $(TEST_LIBS)

# As the sensor is linked.
$(BUILD)/tests/bench/bench_sensor: $(BUILD)/tests/bench/bench_sensor.o $(SENSOR) $(BASE)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) $(LIB_SENSOR) $(LIB_BASE)

$(BUILD)/tests/bench/bench_%: $(BUILD)/tests/bench/bench_%.o $(GEN_O) $(TEST_A)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) $(TEST_LIBS)

$(BUILD)/tests/bench/leak_probe: $(BUILD)/tests/bench/leak_probe.o $(BUILD)/tests/bench/witness.o $(BASE)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) $(TEST_LIBS) -lpthread

# Preloaded into the programs of the leak bench; into the guard of lab/test_netlink.sh.
$(BUILD)/tests/bench/leak_stamps.so: tests/bench/leak_stamps.c policy/enforce_wire.h policy/plan.h
$(BUILD)/tests/lab/netlink_fault.so: tests/lab/netlink_fault.c
$(BUILD)/tests/bench/leak_stamps.so $(BUILD)/tests/lab/netlink_fault.so:
	@echo "  LINK  $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -fPIE -fpie,$(ALL_CFLAGS)) -fPIC -shared -o $@ $< -ldl

$(BUILD)/tests/bench/bench_tls: $(BUILD)/tests/bench/tls_table.o

$(BUILD)/tests/bench/live_probe: $(BUILD)/tests/bench/live_probe.o $(BUILD)/tests/bench/live_machine.o \
    $(BUILD)/tests/bench/witness.o $(SENSOR) $(BASE)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) $(LIB_SENSOR) $(LIB_BASE)

# The labelled world is shared by its test and its bench.
$(BUILD)/tests/bench/bench_verdicts: $(call objs,$(wildcard tests/policy/world*.c))

$(BUILD)/tests/lab/%: $(BUILD)/tests/lab/%.o $(TEST_A)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) $(TEST_LIBS)

$(BUILD)/tests/gen/smtpgen: $(BUILD)/tests/gen/main.o $(GEN_O) $(BASE)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call group,$^) $(LIB_BASE) -lm

programs_of = $(patsubst %.c,$(BUILD)/%,$(wildcard $(1)))
UNIT_BIN    := $(call programs_of,tests/unit/test_*.c)
FUZZ_BIN    := $(call programs_of,tests/fuzz/fuzz_*.c)
TEST_BIN    := $(patsubst %/netlink_fault,%/netlink_fault.so,$(call programs_of,tests/policy/test_*.c tests/sandbox/test_*.c tests/lab/*.c)) $(BUILD)/tests/bench/bench_sensor $(BUILD)/tests/gen/smtpgen
.SECONDARY:

.PHONY: test run bench bench-mail bench-verdicts unit-programs fuzz-programs test-programs clang-build
unit-programs: $(UNIT_BIN)
fuzz-programs: $(FUZZ_BIN)
test-programs: $(TEST_BIN)

# Everything that can be built is: with gcc as shipped, with clang for its warnings, with sanitizers for the units.
test:
	@tests/packages.sh test
	@$(MAKE) --no-print-directory -j2 all test-programs
	@$(MAKE) --no-print-directory -j2 BUILD=$(SANBUILD) SAN=1 all unit-programs fuzz-programs
	@$(MAKE) --no-print-directory -j2 BUILD=$(BUILD)/clang CC=clang all
	@tests/run.sh $(BUILD)

# libFuzzer, ten minutes a harness, one after another: make fuzz FUZZ="smtp dns" FUZZ_SECONDS=600.  It begins with the
# corpus; what grows stays in BUILD/fuzz/found, and an input that fails goes into the corpus.
FUZZ         ?= $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 600
.PHONY: fuzz
fuzz:
	@tests/packages.sh test
	@$(MAKE) --no-print-directory -j2 BUILD=$(BUILD)/fuzz CC=clang SAN=1 LIBFUZZER=1 CFLAGS=-fsanitize=fuzzer-no-link \
		LDFLAGS=-fsanitize=fuzzer $(patsubst %,$(BUILD)/fuzz/tests/fuzz/fuzz_%,$(FUZZ))
	@tests/fuzz/run.sh $(BUILD)/fuzz $(FUZZ_SECONDS) $(FUZZ)

bench:
	@tests/packages.sh bench
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/tests/gen/smtpgen $(BUILD)/tests/bench/bench_sensor
	@tests/bench/bench.sh $(BUILD)
	@$(MAKE) --no-print-directory -j2 bench-judge

# How the message checks judge real mail, folder by folder.
bench-mail: $(BUILD)/tests/bench/bench_mail
	@if [ -d ../shared/data/mail ]; then $< ../shared/data/mail/*/; \
	else echo "SKIPPED: bench-mail needs a collection of mail in ../shared/data/mail"; fi

run:
	@tests/packages.sh run
	@$(MAKE) --no-print-directory -j2 all
	@tests/lab/demo.sh $(BUILD) $(IFACE)

.PHONY: bench-live
# SECONDS_EACH=N, RATES="packets per second", RESTS="microseconds", RINGS="MiB"
bench-live:
	@tests/packages.sh test
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/tests/bench/live_probe
	@tests/bench/live.sh $(BUILD)

.PHONY: bench-leak
# TRIALS=N; beside it a pure nftables meter and fail2ban, from Debian; then where the time goes, and the cost of a change.
bench-leak:
	@tests/packages.sh bench
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/tests/bench/leak_probe $(BUILD)/tests/bench/leak_stamps.so $(BUILD)/tests/lab/enforce_driver
	@tests/bench/leak.sh $(BUILD) $(or $(TRIALS),30)

# Ten minutes of load and as many kills as fit, then every other fault, then the enforcer's for longer.
.PHONY: soak
soak:
	@tests/packages.sh test
	@$(MAKE) --no-print-directory -j2 all test-programs $(BUILD)/tests/lab/soak_driver
	@tests/lab/soak.sh $(BUILD) 600 10000 2000
	@FAULT_ROUNDS=$(or $(ROUNDS),60) tests/lab/test_faults.sh $(BUILD)

# One observation through the judge, by the number of servers.
.PHONY: bench-judge
bench-judge: $(BUILD)/tests/bench/bench_judge
	@echo "the judge: one observation, ticks included, by the number of servers"
	@$<

# The labelled world at full size; VERDICTS="days=100000 seed=7" for another.
bench-verdicts: $(BUILD)/tests/bench/bench_verdicts
	@$< $(VERDICTS)

# Messages counted under TLS against the truth: fresh sessions of real MTAs and clients; SEED=N JOBS=N for others.
.PHONY: bench-tls
bench-tls:
	@tests/packages.sh bench-tls
	@$(MAKE) --no-print-directory -j2 $(BUILD)/tests/bench/bench_tls
	@tests/tlsgen/bench.sh $(BUILD) $(SEED) $(JOBS)
