/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `arm` leaves for the agent and for `status`: a file that names the process and its
 * descriptors, whose memory others map by taking those descriptors over (pidfd_getfd).
 */
#ifndef FORKSCOPE_GUEST_ARMED_H
#define FORKSCOPE_GUEST_ARMED_H

#include <stddef.h>
#include <stdint.h>

#define GUEST_RUN_DIR "/run/forkscope"

/* X(field): all are whole numbers */
#define GUEST_ARMED_FIELDS(X)                                               \
	X(pid)                                                              \
	X(start_ticks) /* of that process: field 22 of /proc/PID/stat */    \
	X(directory)   /* guest-physical address */                         \
	X(dir_fd)                                                           \
	X(rings_fd) /* only with programs: ring_pages > 0 */                \
	X(store_fd)                                                         \
	X(cpus)                                                             \
	X(ring_pages) /* of each CPU's ring, head included; 0 = no rings */ \
	X(store_pages)                                                      \
	X(agent_page)  /* of the store, behind the lists of frames */       \
	X(agent_pages) /* head included */                                  \
	X(meta_page)                                                        \
	X(meta_bytes)

struct guest_armed {
#define X(field) uint64_t field;
	GUEST_ARMED_FIELDS(X)
#undef X
};

/* Writes the file, making the folder. Returns 0, or a negative errno and a sentence. */
int guest_armed_write(const char *run_dir, const struct guest_armed *a, char *err, size_t len);
void guest_armed_remove(const char *run_dir);

/* Returns 0, -ENOENT when nothing is armed (also when its process is gone), or another error. */
int guest_armed_read(const char *run_dir, struct guest_armed *a, char *err, size_t len);

/*
 * Maps @pages from @page on of the memory behind the armed process' descriptor @fd, for reading
 * and writing. Returns 0, or a negative errno and a sentence.
 */
int guest_armed_map(const struct guest_armed *a, uint64_t fd, size_t page, size_t pages, void **out,
		    char *err, size_t len);

/* When a process started, in ticks since boot; 0 = there is no such. */
uint64_t guest_start_ticks(uint64_t pid);

#endif
