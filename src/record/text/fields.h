/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of every event kind, in one place: the text form of records, `forkscope dump` and
 * docs/format.md come from these rows. A struct of bpf/event.h and its rows are held together when
 * fields.c is compiled: every byte of the struct must be in a row.
 *
 * F(struct, member, form); forms: DEC, HEX, SIGNED, TEXT (char array), IPV4, U64S (array), BYTES
 * (array, as one hexadecimal number), STACK (stack id), PAD (never shown), and the names of sets of
 * names below.
 */
#ifndef FORKSCOPE_FIELDS_H
#define FORKSCOPE_FIELDS_H

#include <stddef.h>
#include <stdint.h>
#include "bpf/event.h"
#include "bpf/guest_ring.h"
#include "record/format.h"

/* clang-format off */
#define FS_FIELDS_HEADER(F, T) \
	F(T, ts, DEC) F(T, seq, DEC) F(T, kind, PAD) F(T, len, PAD) F(T, tgid, DEC) F(T, tid, DEC) F(T, vm, DEC) \
	F(T, cpu, DEC) F(T, flags, FLAGS)

#define FS_FIELDS_PROC_ADD(F, T) F(T, start_ns, DEC) F(T, ppid, DEC) F(T, why, WHY) F(T, comm, TEXT)
#define FS_FIELDS_FORK(F, T) F(T, start_ns, DEC) F(T, child_tid, DEC) F(T, child_tgid, DEC) F(T, comm, TEXT)
#define FS_FIELDS_EXEC(F, T) F(T, comm, TEXT) F(T, file, TEXT)
#define FS_FIELDS_EXIT_TASK(F, T) F(T, code, HEX) F(T, group_dead, DEC)
#define FS_FIELDS_VM_CREATE(F, T) F(T, ts_start, DEC) F(T, kvm, HEX) F(T, fd, SIGNED) F(T, pad, PAD)
#define FS_FIELDS_VCPU_CREATE(F, T) F(T, ts_start, DEC) F(T, vcpu, HEX) F(T, fd, SIGNED) F(T, vcpu_id, DEC)
#define FS_FIELDS_MEMSLOT(F, T) \
	F(T, ts_start, DEC) F(T, gpa, HEX) F(T, size, HEX) F(T, hva, HEX) F(T, slot, HEX) F(T, slot_flags, HEX)
#define FS_FIELDS_FIRST_RUN(F, T) \
	F(T, rip, HEX) F(T, cr0, HEX) F(T, cr4, HEX) F(T, efer, HEX) F(T, cr3, HEX) F(T, vcpu_id, DEC) F(T, valid, HEX)
#define FS_FIELDS_RUN(F, T) \
	F(T, ts_start, DEC) F(T, reason, DEC) F(T, error, SIGNED) F(T, vcpu_id, DEC) F(T, pad, PAD)
#define FS_FIELDS_VMEXIT(F, T) \
	F(T, ts_exit, DEC) F(T, rip, HEX) F(T, info1, HEX) F(T, info2, HEX) F(T, gpa, HEX) F(T, error_code, HEX) \
	F(T, hva, HEX) F(T, mm_ns, DEC) F(T, reason, HEX) F(T, isa, ISA) F(T, vcpu_id, DEC) F(T, hints, HINTS) \
	F(T, n_pf, DEC) F(T, n_hmm, DEC) F(T, cache_pages, DEC) F(T, n_bio, DEC) F(T, n_alloc, DEC) \
	F(T, stack, STACK) F(T, run_ns, DEC)
#define FS_FIELDS_OFFCPU(F, T) \
	F(T, ts_out, DEC) F(T, ts_wake, DEC) F(T, work, HEX) F(T, throttled_ns, DEC) F(T, waker_tid, DEC) \
	F(T, waker_tgid, DEC) F(T, waker_flags, WAKER) F(T, prev_state, HEX) F(T, next_tid, DEC) \
	F(T, prev_tid, DEC) F(T, stack, STACK) F(T, cpu_out, DEC) F(T, iowait, DEC) F(T, next_comm, TEXT) \
	F(T, prev_comm, TEXT) F(T, waker_comm, TEXT)
#define FS_FIELDS_WAKE(F, T) F(T, target_tid, DEC) F(T, target_tgid, DEC) F(T, waker_flags, WAKER) F(T, pad, PAD)
#define FS_FIELDS_SIGNAL(F, T) F(T, target_tid, DEC) F(T, target_tgid, DEC) F(T, sig, DEC) F(T, pad, PAD)
#define FS_FIELDS_SYSCALL(F, T) F(T, ts_start, DEC) F(T, ret, SIGNED) F(T, arg, U64S) F(T, nr, DEC) F(T, pad, PAD)
#define FS_FIELDS_OPEN(F, T) \
	F(T, ts_start, DEC) F(T, fd, SIGNED) F(T, dev, HEX) F(T, path, TEXT) F(T, ino, DEC)
#define FS_FIELDS_MMAP(F, T) \
	F(T, ts_start, DEC) F(T, addr, HEX) F(T, size, HEX) F(T, offset, HEX) F(T, ino, DEC) F(T, dev, HEX) \
	F(T, fd, SIGNED) F(T, prot, HEX) F(T, map_flags, HEX)
#define FS_FIELDS_IRQ_SET(F, T) F(T, gsi, DEC) F(T, level, SIGNED) F(T, source, SIGNED) F(T, pad, PAD)
#define FS_FIELDS_IRQ_MSI(F, T) F(T, addr, HEX) F(T, data, HEX)
#define FS_FIELDS_IRQ_ACCEPT(F, T) \
	F(T, apicid, DEC) F(T, delivery_mode, DEC) F(T, trigger_mode, DEC) F(T, vector, HEX) F(T, pad, PAD)
#define FS_FIELDS_IRQ_INJECT(F, T) \
	F(T, vector, HEX) F(T, soft, DEC) F(T, reinjected, DEC) F(T, vcpu_id, DEC) F(T, pad, PAD)
#define FS_FIELDS_HALT(F, T) F(T, ns, DEC) F(T, waited, DEC) F(T, valid, DEC) F(T, vcpu_id, DEC)
#define FS_FIELDS_TSC_OFFSET(F, T) F(T, prev, HEX) F(T, next, HEX) F(T, vcpu_id, DEC) F(T, pad, PAD)
#define FS_FIELDS_PVCLOCK(F, T) \
	F(T, tsc_timestamp, DEC) F(T, system_time, DEC) F(T, tsc_to_system_mul, DEC) F(T, tsc_shift, SIGNED) \
	F(T, pv_flags, HEX) F(T, version, DEC) F(T, vcpu_id, DEC) F(T, pad, PAD)
#define FS_FIELDS_MMFAULT(F, T) \
	F(T, ts_start, DEC) F(T, addr, HEX) F(T, ip, HEX) F(T, error_code, HEX) F(T, hints, HINTS) \
	F(T, cache_pages, DEC) F(T, n_bio, DEC) F(T, has_end, DEC) F(T, stack, STACK) F(T, pad, PAD)
#define FS_FIELDS_BIO(F, T) \
	F(T, ts_start, DEC) F(T, bio, HEX) F(T, sector, DEC) F(T, work, HEX) F(T, dev, HEX) F(T, bytes, DEC) \
	F(T, op, DEC) F(T, status, SIGNED) F(T, stack, STACK) F(T, pad, PAD)
#define FS_FIELDS_WORK(F, T) \
	F(T, ts_queue, DEC) F(T, ts_start, DEC) F(T, work, HEX) F(T, func, HEX) F(T, queuer_tid, DEC) \
	F(T, queuer_tgid, DEC) F(T, hints, HINTS) F(T, cache_pages, DEC) F(T, offcpu_ns, DEC) F(T, stack, STACK) \
	F(T, pad, PAD)
#define FS_FIELDS_APF(F, T) F(T, a, HEX) F(T, b, HEX) F(T, op, APF) F(T, pad, PAD)
#define FS_FIELDS_UFFD(F, T) F(T, ts_start, DEC) F(T, addr, HEX) F(T, uffd_flags, HEX) F(T, stack, STACK)
#define FS_FIELDS_NET_TX(F, T) \
	F(T, ifindex, DEC) F(T, netns, DEC) F(T, what, NET) F(T, eth_proto, HEX) F(T, sport, DEC) F(T, dport, DEC) \
	F(T, len, DEC) F(T, saddr, IPV4) F(T, daddr, IPV4) F(T, payload_len, DEC) F(T, pad, PAD) F(T, ifname, TEXT) \
	F(T, payload, TEXT) F(T, pad2, PAD)
#define FS_FIELDS_PIO(F, T) F(T, port, HEX) F(T, size, DEC) F(T, count, DEC) F(T, rw, DEC) F(T, value, HEX)
#define FS_FIELDS_MARK(F, T) F(T, name, TEXT)
#define FS_FIELDS_FLUSH(F, T) \
	F(T, ts_exit, DEC) F(T, ts_out, DEC) F(T, ts_wake, DEC) F(T, ts_run, DEC) F(T, ts_user, DEC) \
	F(T, vcpu_id, DEC) F(T, prev_state, HEX) F(T, reason, HEX) F(T, hints, HINTS)
#define FS_FIELDS_CLOCK(F, T) \
	F(T, tsc, DEC) F(T, tsc_width, DEC) F(T, mono_ns, DEC) F(T, raw_ns, DEC) F(T, on_cpu, DEC) F(T, pad, PAD)
#define FS_FIELDS_MISSED(F, T) \
	F(T, ts_start, DEC) F(T, runs, DEC) F(T, on_cpu, DEC) F(T, pad, PAD) F(T, prog, TEXT)

/* What GUEST chunks hold: of format.h and bpf/guest_ring.h. */
#define FS_FIELDS_GUEST(F, T) \
	F(T, vm, DEC) F(T, tgid, DEC) F(T, at_ns, DEC) F(T, done_ns, DEC) F(T, dir_gpa, HEX) F(T, id, BYTES) \
	F(T, state, GSTATE) F(T, nparts, PAD) F(T, why, TEXT)
#define FS_FIELDS_GUEST_PART(F, T) \
	F(T, kind, PAD) F(T, index, DEC) F(T, bytes, PAD) F(T, first, DEC) F(T, lost, DEC) F(T, torn, DEC) F(T, pad, PAD)
#define FS_FIELDS_GUEST_BLOB(F, T) F(T, id, BYTES) F(T, kind, DEC) F(T, bytes, DEC) F(T, raw_bytes, DEC)
#define FS_FIELDS_GUEST_DIR(F, T) \
	F(T, magic, PAD) F(T, major, DEC) F(T, minor, DEC) F(T, dir_bytes, DEC) F(T, id, BYTES) F(T, flags, GDIR) \
	F(T, ncpus, DEC) F(T, nparts, DEC) F(T, nlists, DEC) F(T, rec_bytes, DEC) F(T, arm_pid, DEC) \
	F(T, probe_ns_x16, DEC) F(T, clocksource, DEC) F(T, tsc_khz, DEC) F(T, clocks, PAD) F(T, watchers, PAD) \
	F(T, parts, PAD) F(T, list_gfn, PAD)
#define FS_FIELDS_GUEST_CLOCK(F, T) \
	F(T, tsc, DEC) F(T, tsc_width, DEC) F(T, mono_ns, DEC) F(T, raw_ns, DEC) F(T, boot_ns, DEC) \
	F(T, pv_tsc_timestamp, DEC) F(T, pv_system_time, DEC) F(T, pv_version, DEC) F(T, pv_mul, DEC) \
	F(T, pv_shift, SIGNED) F(T, cpu, DEC)
#define FS_FIELDS_GUEST_WATCHER(F, T) \
	F(T, tgid, DEC) F(T, tid, DEC) F(T, how, GSTEP) F(T, own, DEC) F(T, ts, DEC) F(T, comm, TEXT)
#define FS_FIELDS_GUEST_DIR_PART(F, T) \
	F(T, kind, GPART) F(T, index, DEC) F(T, first, DEC) F(T, pages, DEC) F(T, pad, PAD) F(T, bytes, DEC) \
	F(T, raw_bytes, DEC)
#define FS_FIELDS_GUEST_REC(F, T) \
	F(T, ts, DEC) F(T, seq, PAD) F(T, kind, PAD) F(T, flags, GFLAGS) F(T, tid, DEC) F(T, x, DEC) F(T, a, HEX)

/* X(NAME, struct): each has its rows FS_FIELDS_NAME */
#define FS_GUEST_STRUCTS(X) \
	X(GUEST, fsr_guest) X(GUEST_PART, fsr_guest_part) X(GUEST_BLOB, fsr_guest_blob) X(GUEST_DIR, fsg_dir) \
	X(GUEST_CLOCK, fsg_clock) X(GUEST_WATCHER, fsg_watcher) X(GUEST_DIR_PART, fsg_part) X(GUEST_REC, fsg_rec)

/* Numbers with names that are listed where they are defined: LIST(form, list). */
#define FS_GUEST_SETS(LIST) \
	LIST(GSTATE, FSR_GUEST_STATES) LIST(GSTEP, FSG_STEPS) LIST(GSTAGE, FSG_STAGES)

/* Sets of names: SET(form, prefix, members...). A number without a name is shown as a number. */
#define FS_FLAG_SETS(SET, N) \
	SET(FLAGS, N(FS_F_, IRQCTX) N(FS_F_, CLIPPED) N(FS_F_, LATE)) \
	SET(HINTS, N(FS_H_, PF) N(FS_H_, HMM) N(FS_H_, MAJOR) N(FS_H_, COW) N(FS_H_, ZERO) \
	    N(FS_H_, FILEMAP) N(FS_H_, CACHE_ADD) N(FS_H_, BIO) N(FS_H_, UFFD) N(FS_H_, FASTPF) \
	    N(FS_H_, APF_NOT_PRESENT) N(FS_H_, APF_READY) N(FS_H_, HALT) N(FS_H_, USER) \
	    N(FS_H_, OFFCPU) N(FS_H_, MMIO) N(FS_H_, VMA_FILE) N(FS_H_, VMA_SHARED) \
	    N(FS_H_, VMA_KNOWN) N(FS_H_, SWAPIN) N(FS_H_, INJECT) N(FS_H_, APF_REPEATED) \
	    N(FS_H_, SPURIOUS) N(FS_H_, MEMSLOT) N(FS_H_, INVALIDATED) \
	    N(FS_H_, HUGETLB) N(FS_H_, HUGE_SEEN) N(FS_H_, HUGE_2M) N(FS_H_, HUGE_1G)) \
	SET(WAKER, N(FS_W_, IRQ) N(FS_W_, SOFTIRQ) N(FS_W_, WORK) N(FS_W_, UNSEEN) \
	    N(FS_W_, PREEMPT) N(FS_W_, THROTTLED) N(FS_W_, TIMER) N(FS_W_, BIO) \
	    N(FS_W_, CTX_UNKNOWN) N(FS_W_, LOCK) N(FS_W_, UNINT)) \
	SET(NET, N(FS_NET_, FIRST) N(FS_NET_, STAGE) N(FS_NET_, SYNACK)) \
	SET(GDIR, N(FSG_D_, BPF) N(FSG_D_, SPLIT) N(FSG_D_, SIGNAL) N(FSG_D_, FAULTS)) \
	SET(GFLAGS, N(FSG_F_, HARDIRQ) N(FSG_F_, SOFTIRQ) N(FSG_F_, PREEMPT))
#define FS_ENUM_SETS(SET, N) \
	SET(WHY, N(FS_WHY_, PID) N(FS_WHY_, COMM) N(FS_WHY_, COMMAND) N(FS_WHY_, KVM)) \
	SET(ISA, N(FS_ISA_, VMX) N(FS_ISA_, SVM)) \
	SET(APF, N(FS_APF_, NOT_PRESENT) N(FS_APF_, READY) N(FS_APF_, REPEATED) \
	    N(FS_APF_, COMPLETED) N(FS_APF_, TRY)) \
	SET(GPART, N(FSG_PART_, RING) N(FSG_PART_, AGENT) N(FSG_PART_, SYMBOLS) N(FSG_PART_, META))

/* clang-format on */

enum fsr_form {
	FSR_FORM_DEC,
	FSR_FORM_HEX,
	FSR_FORM_SIGNED,
	FSR_FORM_TEXT,
	FSR_FORM_IPV4,
	FSR_FORM_U64S,
	FSR_FORM_BYTES,
	FSR_FORM_STACK,
	FSR_FORM_PAD,
#define NO_NAMES(prefix, name)
#define SET(form, names) FSR_FORM_##form,
#define LIST(form, list) FSR_FORM_##form,
	FS_FLAG_SETS(SET, NO_NAMES) FS_ENUM_SETS(SET, NO_NAMES) FS_GUEST_SETS(LIST)
#undef SET
#undef LIST
#undef NO_NAMES
};

struct fsr_field {
	const char *name;
	uint16_t offset, size; /* bytes, in the record */
	uint8_t form;          /* enum fsr_form */
};

struct fsr_name {
	const char *name;
	uint32_t value;
};

/* The fields of the record header, ended by one without a name. */
extern const struct fsr_field fsr_header_fields[];

/* The fields of @kind after its header, ended as above; NULL for a kind that is not known. */
const struct fsr_field *fsr_fields(uint16_t kind);

/* The same of the structs of GUEST chunks: fsr_fields_GUEST, fsr_fields_GUEST_PART, ... */
#define X(name, type) extern const struct fsr_field fsr_fields_##name[];
FS_GUEST_STRUCTS(X)
#undef X

/* The names of a form, ended by one without a name, or NULL; *@flags: they are bits. */
const struct fsr_name *fsr_names(uint8_t form, int *flags);

#endif
