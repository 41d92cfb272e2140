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
PKG     := libbpf yaml-0.1 jansson libmicrohttpd libsystemd libpcap

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
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) -DSPW_VERSION='"$(VERSION)"' -I$(BUILD)/bpf $(PKG_CFLAGS) -MMD -MP
SAN     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) $(WARN) -Wno-unused-function -Ivmlinux -I.

SRC      := $(wildcard user/*.c user/*/*.c)
OBJ      := $(SRC:%.c=$(BUILD)/obj/%.o)
SAN_SRC  := $(wildcard user/core/*.c user/config/*.c user/lists/*.c user/view/*.c)
SAN_OBJ  := $(SAN_SRC:%.c=$(BUILD)/san/%.o)
SKELS    := $(BUILD)/bpf/spillway.skel.h
UNIT     := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c tests/sim/test_*.c))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help deps check test vmtest bench demo install uninstall vmlinux lint format clean fuzz pure tests
all: $(BUILD)/spillway

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

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
pure: $(BUILD)/pure.stamp

$(BUILD)/tests/%: tests/%.c $(SAN_OBJ)
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(SAN) -I. -o $@ $< $(SAN_OBJ) $(PKG_LIBS) -lcmocka -lm

tests: $(BUILD)/spillway $(UNIT)

clean:
	rm -rf $(BUILD)

-include $(OBJ:.o=.d) $(SAN_OBJ:.o=.d) $(UNIT:=.d) $(wildcard $(BUILD)/bpf/*.d)
