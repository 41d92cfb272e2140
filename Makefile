# SPDX-License-Identifier: GPL-2.0-only
# spillway: eBPF traffic shedder. `make` builds build/spillway; `make help` lists the rest.

VERSION := 0.1.0
BUILD   := build
PREFIX  ?= /usr/local
DESTDIR ?=
UNITDIR ?= $(PREFIX)/lib/systemd/system
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions

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

# Evaluated when a rule needs them, so that `make deps` works on a machine without the libraries.
PKG_CFLAGS = $(shell pkg-config --cflags $(PKG))
PKG_LIBS   = $(shell pkg-config --libs $(PKG))

WARN    := -Wall -Wextra -Werror
CFLAGS  ?= -O2 -g
# Includes name a file from the top ("maps/types.h") or from user/ ("core/words.h"); files of the same folder by name alone.
INCLUDE := -iquote . -iquote user -I$(BUILD)/bpf -I$(BUILD)/page
C_FLAGS  = -std=gnu11 -D_GNU_SOURCE $(WARN) -DSPW_VERSION='"$(VERSION)"' $(INCLUDE) $(PKG_CFLAGS)
# Instrumented code misleads GCC's analysis of formats; `make matrix` has those warnings.
SAN     := -Wno-format-truncation -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZER  := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) $(WARN) -Wno-unused-function -Ivmlinux -iquote . -iquote user

# Sources by folder. A new file needs no change here.
SRC       := $(wildcard user/*.c user/*/*.c user/*/*/*.c)
FOLDERS   := $(filter-out user,$(patsubst %/,%,$(sort $(dir $(SRC)))))
OBJ       := $(SRC:%.c=$(BUILD)/obj/%.o)
SKELS     := $(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.skel.h,$(wildcard bpf/*.bpf.c)) $(BUILD)/page/status_page.gen.h
# Linked by tests that run without root, under ASan and UBSan: everything but the verbs.
SAN_LIBS  := $(patsubst %,$(BUILD)/san/%.a,$(filter-out user/cmd,$(FOLDERS)))
# Linked by fuzz targets: code that reads input from outside.
FUZZ_LIBS := $(patsubst %,$(BUILD)/fuzzobj/%.a,$(filter user/base user/core% user/config user/lists user/signals user/store,$(FOLDERS)))
OBJ_LIBS  := $(patsubst %,$(BUILD)/obj/%.a,$(FOLDERS))

SIM_OBJ   := $(patsubst %.c,$(BUILD)/san/%.o,$(filter-out tests/sim/test_%,$(wildcard tests/sim/*.c)))
SIM       := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/sim/test_*.c))
UNIT      := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c)) $(SIM)
FUZZ      := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

# Scripts of each target, and the programs that they start. tests/unit/test_targets compares the two.
DEMO_SCRIPTS   := tests/demo/demo
DEMO           := $(BUILD)/spillway $(addprefix $(BUILD)/tests/,arrive upstream pool blast)
TEST_SCRIPTS   := $(wildcard tests/prog/*.py tests/e2e/*.py)
TEST           := $(BUILD)/spillway $(UNIT) $(addprefix $(BUILD)/tests/,blast driver bans_driver signals_watch arrive upstream pool e2e/hooks_driver)
TEST_PAGE_SCRIPTS := tests/page/test_page
TEST_PAGE      := $(BUILD)/spillway $(addprefix $(BUILD)/tests/,arrive upstream pool blast)
VMTEST_SCRIPTS := tests/vm/run tests/vm/guest $(TEST_SCRIPTS)
VMTEST         := $(TEST)
BENCH          := $(BUILD)/bench/bench
BENCH_FLOOD_SCRIPTS := tests/bench/flood
BENCH_FLOOD    := $(addprefix $(BUILD)/bench/,flood feed.bpf.o) $(BUILD)/spillway $(addprefix $(BUILD)/tests/,arrive upstream pool blast)
BENCH_SIGNALS_SCRIPTS := tests/bench/signals
BENCH_SIGNALS  := $(BUILD)/spillway $(addprefix $(BUILD)/tests/,signals_watch blast)
TEST_PACKAGES_SCRIPTS := tests/packages/run
TEST_PACKAGES  := $(BUILD)/spillway $(addprefix $(BUILD)/tests/,blast)
SOAK_SCRIPTS   := tests/soak/soak
SOAK           := $(BUILD)/spillway $(addprefix $(BUILD)/tests/,blast)
BENCH_LOOP_SCRIPTS := tests/loop/bench
BENCH_LOOP     := $(BUILD)/spillway $(addprefix $(BUILD)/tests/,arrive upstream pool blast)

# Without -j by the caller: one job per CPU.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
build_them = @$(MAKE) --no-print-directory $(if $(filter 1,$(V)),,-s) $(JOBS)

print-%:
	@echo '$($*)'

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all objects help deps check test test-page vmtest bench bench-flood bench-signals bench-loop demo install uninstall vmlinux \
	dist deb rpm test-packages soak sbom lint lint-format lint-tidy lint-shell format clean fuzz pure layers tests debug matrix compdb FORCE
all: $(BUILD)/spillway

help:
	@sed -n 's/^## //p' $(firstword $(MAKEFILE_LIST)) | sed 's,\$$(BUILD),$(BUILD),'

## all      build $(BUILD)/spillway (the default)
# Layers and calls of the core are checked in the ordinary build. Sanitizers add calls of their own.
CHECKS := $(if $(findstring -fsanitize,$(CFLAGS)),,$(BUILD)/pure.stamp $(BUILD)/layers.stamp)
$(BUILD)/spillway: $(OBJ) $(BUILD)/sources | $(CHECKS)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJ) $(PKG_LIBS)

# Written when a source file comes or goes: then everything is archived and linked again.
$(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(sort $(SRC))' | cmp -s - $@ || echo '$(sort $(SRC))' >$@

# Three kinds of objects, each in a folder of its own: of the product, with sanitizers, for the fuzzer.
$(BUILD)/obj/%.o: %.c | $(SKELS)
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(C_FLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/san/%.o: %.c | $(SKELS)
	$(say) CC-SAN $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(C_FLAGS) $(CFLAGS) $(SAN) -MMD -MP -c -o $@ $<

$(BUILD)/fuzzobj/%.o: %.c | $(SKELS)
	$(say) CC-FUZZ $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(C_FLAGS) $(FUZZER) -MMD -MP -c -o $@ $<

# Thin archives, one a folder, so that a test links what it needs and no more.
define archive # KIND, FOLDER
$(BUILD)/$(1)/$(2).a: $(patsubst %.c,$(BUILD)/$(1)/%.o,$(wildcard $(2)/*.c)) $(BUILD)/sources
	$$(Q)rm -f $$@; ar rcsT $$@ $$(filter %.o,$$^)
endef
$(foreach kind,obj san fuzzobj,$(foreach folder,$(FOLDERS),$(eval $(call archive,$(kind),$(folder)))))

# Link a program with what it needs of the archives, and note in $@.d which objects that was, so that it is linked again
# only when one of those has changed. The archives themselves are order-only prerequisites.
define link # COMPILER, OBJECTS, ARCHIVES, LIBRARIES
$(say) LINK $@
$(Q)mkdir -p $(@D)
$(Q)$(1) $(LDFLAGS) -o $@ $(2) -Wl,-t -Wl,--start-group $(3) -Wl,--end-group $(4) >$@.trace
$(Q)grep '^$(BUILD)/.*\.o$$' $@.trace | sort -u | sed 's,.*,$@: &\n&:,' >$@.d; rm $@.trace
endef

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c vmlinux/vmlinux.h
	$(say) BPF $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -MT $@ -c -o $@.tmp $<
	$(Q)$(STRIP) -g $@.tmp && mv $@.tmp $@

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# The status page: style and script are put into it, and their hashes into its Content-Security-Policy.
PAGE := $(addprefix user/view/page/,embed page.html page.css page.js)
$(BUILD)/page/status_page.gen.h: $(PAGE)
	$(say) PAGE $@
	$(Q)mkdir -p $(@D)
	$(Q)user/view/page/embed $(filter-out %/embed,$(PAGE)) >$@.tmp && mv $@.tmp $@

# The core decides and compiles; it may allocate and compare, nothing else. What it calls is checked, not promised.
PURE := malloc calloc realloc free memcpy memmove memset memcmp bcmp strcmp strncmp strlen strnlen qsort qsort_r \
        __stack_chk_fail _GLOBAL_OFFSET_TABLE_ __memcpy_chk __memset_chk __memmove_chk abort
CORE_OBJ := $(filter $(BUILD)/obj/user/core/%,$(OBJ))
$(BUILD)/pure.stamp: $(CORE_OBJ) tests/pure
	$(say) PURE user/core
	$(Q)tests/pure "$(PURE)" $(CORE_OBJ)
	$(Q)touch $@
## pure     check that user/core calls nothing but memory and comparison
pure: $(BUILD)/pure.stamp

$(BUILD)/layers.stamp: $(OBJ) $(BUILD)/sources tests/layers
	$(say) LAYERS user
	$(Q)tests/layers $(OBJ)
	$(Q)touch $@
## layers   check who may include and call what, that no files form a circle, and that shared names are used
layers: $(BUILD)/layers.stamp

SAN_CC = $(CC) $(CFLAGS) $(SAN)
$(BUILD)/tests/unit/%: $(BUILD)/san/tests/unit/%.o $(BUILD)/sources | $(SAN_LIBS)
	$(call link,$(SAN_CC),$<,$(SAN_LIBS),$(PKG_LIBS) -lcmocka -lm)

# The plant that the sim ring shares.
$(BUILD)/tests/sim/%: $(BUILD)/san/tests/sim/%.o $(SIM_OBJ) $(BUILD)/sources | $(SAN_LIBS)
	$(call link,$(SAN_CC),$< $(SIM_OBJ),$(SAN_LIBS),$(PKG_LIBS) -lcmocka -lm)

$(BUILD)/tests/e2e/hooks_driver: $(BUILD)/san/tests/e2e/hooks_driver.o $(BUILD)/sources | $(SAN_LIBS)
	$(call link,$(SAN_CC),$<,$(SAN_LIBS),$(PKG_LIBS) -lm)

## tests    build what the rings run
tests: $(TEST)

# Parts of the product behind a pipe: the ruleset and limits, the bans, the signals.
$(BUILD)/tests/driver $(BUILD)/tests/bans_driver: $(BUILD)/tests/%: $(BUILD)/obj/tests/prog/%.o $(BUILD)/sources | $(OBJ_LIBS)
	$(call link,$(CC) $(CFLAGS),$<,$(OBJ_LIBS),$(PKG_LIBS) -lpthread -lm)

$(BUILD)/tests/signals_watch: $(BUILD)/obj/tests/e2e/signals_watch.o $(BUILD)/sources | $(OBJ_LIBS)
	$(call link,$(CC) $(CFLAGS),$<,$(OBJ_LIBS),$(PKG_LIBS) -lm)

# Generators of load and a server behind a proxy. They share nothing with the product.
ARRIVE := $(patsubst %,$(BUILD)/obj/tests/loop/%.o,arrive schedule client answer tally)
$(BUILD)/tests/arrive: $(ARRIVE)
$(BUILD)/tests/upstream: $(BUILD)/obj/tests/loop/upstream.o
$(BUILD)/tests/pool: $(BUILD)/obj/tests/loop/pool.o
$(BUILD)/tests/blast: $(BUILD)/obj/tests/e2e/blast.o
$(BUILD)/tests/arrive $(BUILD)/tests/upstream $(BUILD)/tests/pool $(BUILD)/tests/blast:
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm

## check    unit and sim rings under ASan and UBSan, without root; only tests that are affected by a change
check:
	$(build_them) $(BUILD)/spillway $(UNIT)
	@tests/run -c -j $(shell nproc) sim unit

## test     all rings on this host: unit, sim, prog, e2e (root; installs what is missing)
test:
	@packaging/deps build test
	$(build_them) $(TEST)
	@tests/run unit sim prog e2e

## test-page  the status page in headless Chromium; pictures in $(BUILD)/page (root; installs Chromium; 4 min)
test-page:
	@packaging/deps build test page
	$(build_them) $(TEST_PAGE)
	@tests/page/test_page

## vmtest   the root rings inside virtual machines, on Debian's kernels 6.1 and 6.12 (root)
vmtest:
	@packaging/deps build test vm
	$(build_them) $(VMTEST)
	@tests/vm/run

## bench    cost per packet, in BPF_PROG_TEST_RUN and on a veth (root)
bench:
	@packaging/deps build test loop
	$(build_them) $(BENCH)
	@$(BUILD)/bench/bench --out $(BUILD) $(BENCH_FLAGS)

## bench-flood  what a SYN flood leaves of nginx, beside nftables (root, 5 min)
bench-flood:
	@packaging/deps build test loop
	$(build_them) $(BENCH_FLOOD)
	@tests/bench/flood $(FLOOD_FLAGS)

## bench-signals  what the signals cost a request (root, 1 min)
bench-signals:
	@packaging/deps build test
	$(build_them) $(BENCH_SIGNALS)
	@tests/bench/signals $(SIGNALS_FLAGS)

## bench-loop  the closed loop: real servers in overload, with spillway and without it (root, 40 min; LOOP_FLAGS=--quick: 3 min)
bench-loop:
	@packaging/deps build test loop
	$(build_them) $(BENCH_LOOP)
	@tests/loop/bench $(LOOP_FLAGS)

## soak     mixed load with reloads, bans, levels and restarts for SOAK_MINUTES (60): nothing leaks, nothing is lost (root)
SOAK_MINUTES ?= 60
soak:
	@packaging/deps build test
	$(build_them) $(SOAK)
	@tests/soak/soak --minutes $(SOAK_MINUTES)

## fuzz     each parser of outside input for FUZZ_SECONDS (60)
FUZZ_SECONDS ?= 60
$(BUILD)/fuzz/%: $(BUILD)/fuzzobj/tests/fuzz/%.o $(BUILD)/sources | $(FUZZ_LIBS)
	$(call link,$(CLANG) $(FUZZER) -fsanitize=fuzzer,$<,$(FUZZ_LIBS),$(PKG_LIBS) -lm)

fuzz:
	@packaging/deps build fuzz
	$(build_them) $(FUZZ)
	@for target in $(FUZZ); do \
	  name=$${target##*/fuzz_}; mkdir -p $(BUILD)/fuzz/corpus/$$name; \
	  echo "fuzz $$name for $(FUZZ_SECONDS) s"; \
	  $$target -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -max_len=4096 -timeout=10 -artifact_prefix=$(BUILD)/fuzz/$$name- \
	    $(BUILD)/fuzz/corpus/$$name tests/fuzz/corpus/$$name >$(BUILD)/fuzz/$$name.log 2>&1 || \
	    { tail -n 40 $(BUILD)/fuzz/$$name.log; exit 1; }; \
	  tail -n 1 $(BUILD)/fuzz/$$name.log; \
	done

## demo     one shop and a flood of visitors, without spillway and with it (root, 90 s)
demo:
	@packaging/deps build test loop
	$(build_them) $(DEMO)
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
	install -Dm644 packaging/zsh-completion $(DESTDIR)$(ZSHDIR)/_spillway
	install -Dm644 packaging/spillway.yaml $(DESTDIR)$(PREFIX)/share/doc/spillway/spillway.yaml
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/spillway README.md packaging/alerts.yml packaging/recording.yml \
	  packaging/grafana/spillway.json $(wildcard docs/*.md)
	install -d $(DESTDIR)$(PREFIX)/share/doc/spillway/fail2ban
	sed 's|/usr/local/sbin/spillway|$(PREFIX)/sbin/spillway|' packaging/fail2ban/spillway.conf \
	  >$(DESTDIR)$(PREFIX)/share/doc/spillway/fail2ban/spillway.conf
	install -Dm755 -t $(DESTDIR)$(PREFIX)/share/doc/spillway/fastnetmon packaging/fastnetmon/spillway-notify
	install -Dm755 -t $(DESTDIR)$(PREFIX)/share/doc/spillway/hooks $(wildcard packaging/hooks/*)
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/doc/spillway/autoscaling $(wildcard packaging/autoscaling/*.yaml)
	install -Dm755 -t $(DESTDIR)$(PREFIX)/share/doc/spillway/autoscaling packaging/autoscaling/spillway-hosts
	install -d $(DESTDIR)$(UNITDIR)
	sed 's|@PREFIX@|$(PREFIX)|' packaging/spillway.service >$(DESTDIR)$(UNITDIR)/spillway.service
	install -Dm644 -t $(DESTDIR)$(UNITDIR) packaging/spillway-failed.service
	sed 's|@PREFIX@|$(PREFIX)|' packaging/crowdsec/spillway-crowdsec.service >$(DESTDIR)$(UNITDIR)/spillway-crowdsec.service

## uninstall  what install put there
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/sbin/spillway $(DESTDIR)$(PREFIX)/share/man/man8/spillway.8 \
	  $(DESTDIR)$(PREFIX)/share/man/man5/spillway.yaml.5 $(DESTDIR)$(PREFIX)/share/bash-completion/completions/spillway \
	  $(DESTDIR)$(ZSHDIR)/_spillway $(DESTDIR)$(UNITDIR)/spillway.service $(DESTDIR)$(UNITDIR)/spillway-crowdsec.service \
	  $(DESTDIR)$(UNITDIR)/spillway-failed.service
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/spillway

TARBALL := $(BUILD)/spillway-$(VERSION).tar.gz
## dist     a tarball of the sources, $(BUILD)/spillway-VERSION.tar.gz
dist:
	@packaging/make-dist $(VERSION) $(TARBALL)

## deb      the Debian package, in $(BUILD)/deb, checked by lintian
deb: dist
	@packaging/deps build deb
	@packaging/make-deb $(VERSION) $(TARBALL) $(BUILD)/deb

## rpm      the RPM package, in $(BUILD)/rpm
rpm: dist
	@packaging/deps build rpm
	@packaging/make-rpm $(VERSION) $(TARBALL) $(BUILD)/rpm

## sbom     what the program is linked with, as SPDX 2.3 in JSON, from the metadata of dpkg: $(BUILD)/spillway-VERSION.spdx.json
sbom: $(BUILD)/spillway
	@packaging/make-sbom $(VERSION) $(BUILD)/spillway $(BUILD)/spillway-$(VERSION).spdx.json

## test-packages  build the packages; install, upgrade and purge them in clean Debian roots (root, 10 min)
test-packages:
	@packaging/deps build test deb rpm packages
	$(build_them) $(TEST_PACKAGES)
	@tests/packages/run $(PACKAGES_FLAGS)

## vmlinux  regenerate vmlinux/vmlinux.h from the running kernel: only the types in use
vmlinux:
	CLANG=$(CLANG) BPF_CFLAGS="$(filter-out -Ivmlinux,$(BPF_CFLAGS))" \
	  vmlinux/generate $(BPFTOOL) vmlinux/vmlinux.h vmlinux/compile-all

# Everything that is written in C here, by how it is compiled.
C_SRC   := $(SRC) $(wildcard tests/*/*.c)
BPF_SRC := $(filter %.bpf.c,$(C_SRC)) $(wildcard bpf/*.bpf.c)
C_SRC   := $(filter-out %.bpf.c,$(C_SRC))
C_ALL   := $(C_SRC) $(BPF_SRC) $(wildcard bpf/*.h maps/*.h user/*/*.h user/*/*/*.h tests/*/*.h)
SHELL_SRC = .ci/run $(shell grep -lIrE '^\#!.*\b(ba|da)?sh\b' packaging tests user/view/page vmlinux)
BENCH_C := $(filter tests/bench/%,$(C_SRC))

## lint     clang-format, clang-tidy and shellcheck over all C, BPF and shell
lint:
	@packaging/deps build lint
	$(build_them) lint-format lint-shell lint-tidy

lint-format:
	$(say) FORMAT "$(words $(C_ALL)) files"
	$(Q)clang-format --dry-run -Werror $(C_ALL)

lint-shell:
	$(say) SHELL "$(words $(SHELL_SRC)) files"
	$(Q)shellcheck -x $(SHELL_SRC)

# A file is checked again when its object has been built again.
TIDY := clang-tidy --quiet --warnings-as-errors='*'
quiet_tidy = 2>&1 | { grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -' || true; }
lint-tidy: $(C_SRC:%.c=$(BUILD)/lint/%.tidy) $(BPF_SRC:%.c=$(BUILD)/lint/%.tidy)

$(BUILD)/lint/bpf/%.bpf.tidy: $(BUILD)/bpf/%.bpf.o .clang-tidy
	$(say) TIDY bpf/$*.bpf.c
	$(Q)mkdir -p $(@D)
	$(Q)$(TIDY) bpf/$*.bpf.c -- $(BPF_CFLAGS)
	$(Q)touch $@

$(BUILD)/lint/tests/bench/%.bpf.tidy: $(BUILD)/bench/%.bpf.o .clang-tidy
	$(say) TIDY tests/bench/$*.bpf.c
	$(Q)mkdir -p $(@D)
	$(Q)$(TIDY) tests/bench/$*.bpf.c -- $(BPF_CFLAGS)
	$(Q)touch $@

$(BUILD)/lint/tests/bench/%.tidy: $(BUILD)/bench/%.o .clang-tidy
	$(say) TIDY tests/bench/$*.c
	$(Q)mkdir -p $(@D)
	$(Q)$(TIDY) tests/bench/$*.c -- $(C_FLAGS) -I$(BUILD)/bench
	$(Q)touch $@

$(BUILD)/lint/%.tidy: $(BUILD)/obj/%.o .clang-tidy
	$(say) TIDY $*.c
	$(Q)mkdir -p $(@D)
	$(Q)$(TIDY) $*.c -- $(C_FLAGS)
	$(Q)touch $@

## format   clang-format over everything that is ours
format:
	clang-format -i $(C_ALL)

## debug    $(BUILD)/debug/spillway: -O0 -g3 with sanitizers
debug:
	$(build_them) BUILD=$(BUILD)/debug CFLAGS="-Wno-format-truncation -O0 -g3 -fsanitize=address,undefined -fno-omit-frame-pointer" all

## objects  compile all C: the product, the tests, the bench
objects: $(OBJ) $(patsubst %.c,$(BUILD)/obj/%.o,$(filter tests/%,$(filter-out $(BENCH_C),$(C_SRC)))) $(BENCH_C:tests/%.c=$(BUILD)/%.o)

## matrix   compile all C without a warning by gcc and clang at -O0, -O1 and -O3; MATRIX="gcc-O0 ..." for some of them
MATRIX ?= gcc-O0 gcc-O1 gcc-O3 clang-O0 clang-O1 clang-O3
matrix:
	@mkdir -p $(BUILD)/matrix; failed=; for build in $(MATRIX); do \
	  echo "matrix $$build"; \
	  $(MAKE) --no-print-directory -k $(JOBS) BUILD=$(BUILD)/matrix/$$build CC=$${build%-*} CFLAGS="-$${build#*-} -g" all objects \
	    >$(BUILD)/matrix/$$build.log 2>&1 || { failed="$$failed $$build"; grep -v '^  [A-Z]' $(BUILD)/matrix/$$build.log; }; \
	  rm -rf $(BUILD)/matrix/$$build; \
	done; [ -z "$$failed" ] || { echo "matrix: does not compile:$$failed" >&2; exit 1; }

## compdb   $(BUILD)/compile_commands.json for editors and clangd
compdb: $(SKELS)
	$(build_them) $(BENCH_SKELS)
	$(say) COMPDB $(BUILD)/compile_commands.json
	$(Q)packaging/compdb "$(CLANG) $(BPF_CFLAGS)" $(BPF_SRC) -- "$(CC) $$(echo '$(subst ','\'',$(C_FLAGS))') $(CFLAGS) -I$(BUILD)/bench" $(C_SRC) >$(BUILD)/compile_commands.json

## clean    remove $(BUILD)
clean:
	rm -rf $(BUILD)

include tests/bench/Makefile
# What each object and program was made of. A .d file may outlive its source, so objects are taken from the sources.
-include $(foreach kind,obj san fuzzobj,$(C_SRC:%.c=$(BUILD)/$(kind)/%.d)) $(BENCH_C:tests/%.c=$(BUILD)/%.d)
-include $(patsubst %.c,$(BUILD)/%.d,$(BPF_SRC:tests/%=%))
-include $(addsuffix .d,$(TEST) $(FUZZ) $(BENCH))
