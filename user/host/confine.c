/* SPDX-License-Identifier: GPL-2.0-only */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define NOBODY	  65534
#define NICE	  10
#define FILES_MAX 64

/* ---- bounds ---- */

static void set_limit(int resource, u64 most)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) || limit.rlim_cur <= most)
		return;
	limit.rlim_cur = limit.rlim_max = most;
	setrlimit(resource, &limit);
}

static void bound_resources(const struct spw_confinement *confinement)
{
	_cleanup_file_ FILE *score = fopen("/proc/self/oom_score_adj", "we");

	/* When memory runs out, the kernel should kill this process, not the agent. */
	if (score)
		fputs("1000", score);
	set_limit(RLIMIT_AS, confinement->memory_max);
	set_limit(RLIMIT_FSIZE, confinement->file_max);
	set_limit(RLIMIT_CPU, confinement->cpu_seconds);
	set_limit(RLIMIT_NOFILE, FILES_MAX);
	set_limit(RLIMIT_CORE, 0);
	setpriority(PRIO_PROCESS, 0, NICE);
	alarm(confinement->seconds);
	signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit is an error, not a signal */
}

/* ---- user and capabilities ---- */

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		prctl(PR_CAPBSET_DROP, capability); /* not permitted without CAP_SETPCAP; there is no exec later */
	/* Root without the right to become another user must have no capabilities either. */
	if (!setgroups(0, NULL) && !setresgid(NOBODY, NOBODY, NOBODY) && setresuid(NOBODY, NOBODY, NOBODY))
		return -errno;
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

/* ---- seccomp ---- */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

#ifdef ARCH

#define LOAD(field)	   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (u32)offsetof(struct seccomp_data, field))
#define REFUSE(err)	   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err))
#define ALLOW		   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define FORBID(call)	   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), REFUSE(EPERM)
#define ARGUMENT(n)	   LOAD(args[n]) /* its low half: the architectures above are little-endian */
#define ALLOW_IF_NOT(bits) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 1, 0), ALLOW

static int forbid_calls(void)
{
	static struct sock_filter filter[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
#ifdef __x86_64__
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), /* x32 */
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		FORBID(fork),
		FORBID(vfork),
		FORBID(creat),
		FORBID(rename),
		FORBID(unlink),
		FORBID(rmdir),
		FORBID(mkdir),
		FORBID(mknod),
		FORBID(link),
		FORBID(symlink),
		FORBID(chmod),
		FORBID(chown),
		FORBID(lchown),
#endif
		FORBID(execve),
		FORBID(execveat),
		FORBID(ptrace),
		FORBID(process_vm_readv),
		FORBID(process_vm_writev),
		FORBID(kill),
		FORBID(tkill),
		FORBID(pidfd_open),
		FORBID(pidfd_getfd),
		FORBID(pidfd_send_signal),
		FORBID(bpf),
		FORBID(perf_event_open),
		FORBID(unshare),
		FORBID(setns),
		FORBID(mount),
		FORBID(umount2),
		FORBID(move_mount),
		FORBID(open_tree),
		FORBID(fsopen),
		FORBID(pivot_root),
		FORBID(chroot),
		FORBID(init_module),
		FORBID(finit_module),
		FORBID(delete_module),
		FORBID(kexec_load),
		FORBID(reboot),
		FORBID(swapon),
		FORBID(keyctl),
		FORBID(add_key),
		FORBID(request_key),
		FORBID(userfaultfd),
		FORBID(io_uring_setup),
		FORBID(open_by_handle_at),
		FORBID(renameat),
		FORBID(renameat2),
		FORBID(unlinkat),
		FORBID(mkdirat),
		FORBID(mknodat),
		FORBID(linkat),
		FORBID(symlinkat),
		FORBID(fchmodat),
		FORBID(fchownat),
		FORBID(fchmod),
		FORBID(fchown),
		FORBID(truncate),
		FORBID(setxattr),
		FORBID(lsetxattr),
		FORBID(fsetxattr),
		FORBID(utimensat),
		/* The C library falls back to clone() and openat(), whose flags can be seen. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		REFUSE(ENOSYS),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		REFUSE(ENOSYS),
		/* Threads, but no processes: libcurl resolves names in one. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
		ARGUMENT(0),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1),
		ALLOW,
		REFUSE(EPERM),
		/* Files are opened for reading only. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 4),
		ARGUMENT(2),
		ALLOW_IF_NOT(O_WRONLY | O_RDWR | O_CREAT | O_TRUNC),
		REFUSE(EPERM),
#ifdef SYS_open
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 0, 4),
		ARGUMENT(1),
		ALLOW_IF_NOT(O_WRONLY | O_RDWR | O_CREAT | O_TRUNC),
		REFUSE(EPERM),
#endif
		ALLOW,
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno : 0;
}

#else

static int forbid_calls(void)
{
	return 0;
}

#endif

int spw_confine(const struct spw_confinement *confinement)
{
	int err;

	bound_resources(confinement);
	err = drop_capabilities();
	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	prctl(PR_SET_DUMPABLE, 0);
	/* Reset by a change of user, so it comes after that. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != confinement->parent)
		return -ESRCH;
	err = forbid_calls();
	return err == -EINVAL || err == -ENOSYS || err == -EPERM ? 0 : err;
}
