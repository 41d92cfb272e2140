# SPDX-License-Identifier: GPL-2.0-only
# spillway: eBPF traffic shedder. `make` builds build/spillway; `make help` lists the rest.

VERSION := 0.1.0
BUILD   := build
PREFIX  ?= /usr/local
DESTDIR ?=

CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
STRIP   ?= llvm-strip
PKG     := libbpf yaml-0.1 jansson libmicrohttpd libsystemd libpcap libcurl libmaxminddb zlib ncursesw

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
endif

ARCH := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/;s/ppc64le/powerpc/;s/mips.*/mips/;s/riscv64/riscv/')

# Read when a rule needs them, so that `make deps` works on a machine that has none of it yet.
PKG_CFLAGS = $(shell pkg-config --cflags $(PKG))
PKG_LIBS   = $(shell pkg-config --libs $(PKG))

WARN    := -Wall -Wextra -Werror
CFLAGS  ?= -O2 -g
# Includes name a file from the top ("maps/types.h") or from user/ ("core/words.h"); those beside a file by its name alone.
INCLUDE := -iquote . -iquote user
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) -DSPW_VERSION='"$(VERSION)"' $(INCLUDE) -I$(BUILD)/bpf $(PKG_CFLAGS) -MMD -MP
SAN     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) $(WARN) -Wno-unused-function -Ivmlinux -iquote .

SRC      := $(wildcard user/*.c user/*/*.c user/*/*/*.c)
OBJ      := $(SRC:%.c=$(BUILD)/obj/%.o)
# What runs in the unit ring, under ASan and UBSan: what is pure, and of io/ what works without a network and without maps.
SAN_SRC  := $(wildcard user/base/*.c user/core/*.c user/core/*/*.c user/config/*.c user/lists/*.c user/view/*.c) \
            $(addprefix user/signals/,answer.c proc_text.c tally.c) user/host/pcapng.c user/host/hooks.c user/kernel/registry.c \
            $(addprefix user/store/,learned.c state_file.c history.c history_parts.c history_read.c thinning.c events.c)
SAN_OBJ  := $(SAN_SRC:%.c=$(BUILD)/san/%.o)
SKELS    := $(BUILD)/bpf/spillway.skel.h $(BUILD)/bpf/signals.skel.h
SIM_OBJ  := $(patsubst %.c,$(BUILD)/san/%.o,$(filter-out tests/sim/test_%,$(wildcard tests/sim/*.c)))
SIM      := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/sim/test_*.c))
UNIT     := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c)) $(SIM)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help deps check test vmtest bench bench-flood bench-signals bench-loop demo install uninstall vmlinux lint format clean fuzz pure tests
all: $(BUILD)/spillway

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | sed 's,\$$(BUILD),$(BUILD),'

## all      build $(BUILD)/spillway (the default)
$(BUILD)/spillway: $(OBJ) $(BUILD)/pure.stamp
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJ) $(PKG_LIBS)

$(BUILD)/obj/%.o: %.c | $(SKELS)
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

$(BUILD)/san/%.o: %.c | $(SKELS)
	$(say) CC-SAN $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(SAN) -c -o $@ $<

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c vmlinux/vmlinux.h
	$(say) BPF $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -MT $@ -c -o $@.tmp $<
	$(Q)$(STRIP) -g $@.tmp && mv $@.tmp $@

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# The core decides and compiles; it may allocate and compare, nothing else. What it calls is checked, not promised.
PURE := malloc calloc realloc free memcpy memmove memset memcmp strcmp strncmp strlen strnlen qsort qsort_r \
        __stack_chk_fail _GLOBAL_OFFSET_TABLE_ __memcpy_chk __memset_chk __memmove_chk abort
CORE_OBJ := $(filter $(BUILD)/obj/user/core/%,$(OBJ))
$(BUILD)/pure.stamp: $(CORE_OBJ) tests/pure
	$(say) PURE user/core
	$(Q)tests/pure "$(PURE)" $(CORE_OBJ)
	$(Q)touch $@
## pure     check that user/core calls nothing but memory and comparison
pure: $(BUILD)/pure.stamp

$(filter-out $(SIM),$(UNIT)) $(BUILD)/tests/e2e/hooks_driver: $(BUILD)/tests/%: tests/%.c $(SAN_OBJ)
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(SAN) -o $@ $< $(SAN_OBJ) $(PKG_LIBS) -lcmocka -lm

# The plant that the sim ring shares.
$(SIM): $(BUILD)/tests/%: tests/%.c $(SAN_OBJ) $(SIM_OBJ)
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(SAN) -o $@ $< $(SIM_OBJ) $(SAN_OBJ) $(PKG_LIBS) -lcmocka -lm

## tests    build what the rings run
tests: $(BUILD)/spillway $(UNIT) $(addprefix $(BUILD)/tests/,blast driver bans_driver signals_watch arrive upstream e2e/hooks_driver)

$(BUILD)/tests/driver: tests/prog/driver.c $(OBJ)
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $< $(filter-out %/user/main.o,$(OBJ)) $(PKG_LIBS) -lpthread

# The same for entries, as the agent holds them.
$(BUILD)/tests/bans_driver: tests/prog/bans_driver.c $(OBJ)
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $< $(filter-out %/user/main.o,$(OBJ)) $(PKG_LIBS) -lpthread

$(BUILD)/tests/blast: tests/e2e/blast.c
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -o $@ $<

# Prints what the agent would know at each tick, without an agent.
WATCH_OBJ := $(filter-out $(BUILD)/obj/user/main.o $(BUILD)/obj/user/agent/% $(BUILD)/obj/user/cmd/%,$(OBJ))
$(BUILD)/tests/signals_watch: tests/e2e/signals_watch.c $(WATCH_OBJ)
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $< $(WATCH_OBJ) $(PKG_LIBS) -lm

ARRIVE := $(addprefix tests/loop/,arrive.c schedule.c client.c answer.c tally.c)
$(BUILD)/tests/arrive: $(ARRIVE) $(wildcard tests/loop/*.h)
	$(say) CC tests/loop/arrive.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -g -o $@ $(ARRIVE) -lm

$(BUILD)/tests/upstream: tests/loop/upstream.c
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -o $@ $<

## check    what needs no root: unit and sim rings under ASan and UBSan, purity of the core
check: $(BUILD)/spillway $(UNIT)
	@tests/run unit sim

# Where nobody has said how many at a time, as many as there are processors.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

## test     all rings on this host: unit, sim, prog, e2e (root; installs what is missing)
test:
	@packaging/deps build test
	@$(MAKE) --no-print-directory $(JOBS) tests
	@tests/run unit sim prog e2e

## vmtest   the root rings inside virtual machines, on Debian's kernels 6.1 and 6.12 (root)
vmtest:
	@packaging/deps build test vm
	@$(MAKE) --no-print-directory $(JOBS) tests
	@tests/vm/run

## bench    cost per packet, in BPF_PROG_TEST_RUN and on a veth (root)
bench:
	@packaging/deps build test loop
	@$(MAKE) --no-print-directory $(BUILD)/spillway
	@$(MAKE) --no-print-directory -f tests/bench/Makefile BUILD=$(BUILD) bench

## bench-flood  what a SYN flood leaves of nginx, beside nftables (root, 5 min)
bench-flood:
	@packaging/deps build test loop
	@$(MAKE) --no-print-directory $(BUILD)/spillway
	@$(MAKE) --no-print-directory -f tests/bench/Makefile BUILD=$(BUILD) build
	@tests/bench/flood $(FLOOD_FLAGS)

## bench-signals  what the signals cost a request (root, 1 min)
bench-signals:
	@packaging/deps build test
	@$(MAKE) --no-print-directory $(BUILD)/tests/signals_watch
	@tests/bench/signals

## bench-loop  the closed loop: real servers in overload, with spillway and without it (root, 40 min; LOOP_FLAGS=--quick: 3 min)
bench-loop:
	@packaging/deps build test loop
	@$(MAKE) --no-print-directory $(BUILD)/spillway $(BUILD)/tests/arrive $(BUILD)/tests/upstream
	@tests/loop/bench $(LOOP_FLAGS)

## fuzz     each parser of outside input for FUZZ_SECONDS (60)
FUZZ_SECONDS ?= 60
FUZZ     := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SRC := $(wildcard user/base/*.c user/core/*.c user/core/*/*.c user/config/*.c user/lists/*.c) \
            $(addprefix user/signals/,answer.c proc_text.c) $(addprefix user/store/,history_parts.c history_read.c ban_line.c)
$(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.h $(FUZZ_SRC)
	$(say) FUZZ $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -D_GNU_SOURCE -DSPW_VERSION='"$(VERSION)"' -g -O1 $(INCLUDE) \
	  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	  -o $@ $< $(FUZZ_SRC) $(shell pkg-config --cflags --libs yaml-0.1 jansson libsystemd) -lm

fuzz: $(FUZZ)
	@for target in $(FUZZ); do \
	  name=$${target##*/fuzz_}; mkdir -p $(BUILD)/fuzz/corpus/$$name; \
	  echo "fuzz $$name for $(FUZZ_SECONDS) s"; \
	  $$target -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -max_len=4096 -timeout=10 -artifact_prefix=$(BUILD)/fuzz/$$name- \
	    $(BUILD)/fuzz/corpus/$$name tests/fuzz/corpus/$$name >$(BUILD)/fuzz/$$name.log 2>&1 || \
	    { tail -n 40 $(BUILD)/fuzz/$$name.log; exit 1; }; \
	  tail -n 1 $(BUILD)/fuzz/$$name.log; \
	done

## demo     a shop, four kinds of clients, the level goes to red: what is refused and what is served (root, 60 s)
demo:
	@packaging/deps build test
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/spillway $(BUILD)/tests/arrive
	@tests/demo/demo

## deps     install what the build needs (Debian), or name it (elsewhere)
deps:
	@packaging/deps build test

## install  into DESTDIR and PREFIX (/usr/local)
install: $(BUILD)/spillway
	install -Dm755 $(BUILD)/spillway $(DESTDIR)$(PREFIX)/sbin/spillway
	install -Dm644 docs/spillway.8 $(DESTDIR)$(PREFIX)/share/man/man8/spillway.8
	install -Dm644 docs/spillway.yaml.5 $(DESTDIR)$(PREFIX)/share/man/man5/spillway.yaml.5
	install -Dm644 packaging/spillway.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/spillway
	install -Dm644 packaging/spillway.yaml $(DESTDIR)$(PREFIX)/share/doc/spillway/spillway.yaml
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/spillway README.md packaging/alerts.yml $(wildcard docs/*.md)
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/spillway/fail2ban packaging/fail2ban/spillway.conf
	install -Dm755 -t $(DESTDIR)$(PREFIX)/share/doc/spillway/hooks $(wildcard packaging/hooks/*)
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' packaging/spillway.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/spillway.service

## uninstall  what install put there
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/sbin/spillway $(DESTDIR)$(PREFIX)/share/man/man8/spillway.8 \
	  $(DESTDIR)$(PREFIX)/share/man/man5/spillway.yaml.5 $(DESTDIR)$(PREFIX)/share/bash-completion/completions/spillway \
	  $(DESTDIR)$(PREFIX)/lib/systemd/system/spillway.service
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/spillway

## vmlinux  regenerate vmlinux/vmlinux.h from the running kernel: only the types in use
vmlinux:
	CLANG=$(CLANG) BPF_CFLAGS="$(filter-out -Ivmlinux,$(BPF_CFLAGS))" \
	  vmlinux/generate $(BPFTOOL) vmlinux/vmlinux.h vmlinux/compile-all

## lint     clang-tidy over user/, shell syntax
SHELL_SRC = $(shell grep -lIrE '^\#!.*\b(ba)?sh\b' packaging tests vmlinux)
lint:
	@packaging/deps build lint
	@$(MAKE) --no-print-directory $(SKELS)
	bash -n $(SHELL_SRC)
	clang-tidy --quiet --warnings-as-errors='*' $(SRC) -- $(filter-out -MMD -MP,$(CFLAGS_ALL))

## format   clang-format over everything that is ours
format:
	clang-format -i $(wildcard bpf/*.[ch] maps/*.h user/*.[ch] user/*/*.[ch] user/*/*/*.[ch] tests/*/*.[ch])

## clean    remove $(BUILD)
clean:
	rm -rf $(BUILD)

-include $(OBJ:.o=.d) $(SAN_OBJ:.o=.d) $(SIM_OBJ:.o=.d) $(UNIT:=.d) $(wildcard $(BUILD)/bpf/*.d)
