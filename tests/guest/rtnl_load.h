/* SPDX-License-Identifier: BSD-2-Clause */
/* A known load on the rtnl lock: groups of interfaces, each deleted by one request, under one hold.
 */
#ifndef RTNL_LOAD_H
#define RTNL_LOAD_H

enum { RTNL_GROUPS = 4, RTNL_SMALL = 8, RTNL_LARGE = 32 };

/* Makes RTNL_GROUPS groups of RTNL_SMALL interfaces and as many of RTNL_LARGE. 0, or -1 with errno.
 */
int rtnl_load_prepare(void);

/* Deletes a group: size 0 = small, 1 = large. Returns when the lock was let go; 0, or -1 with
 * errno. */
int rtnl_load_delete(int size, int group);

#endif
