/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holds the rtnl lock for as long as one wants: an ioctl of /dev/net/tun reads its argument under
 * that lock, and the page with the argument is not there until a userfaultfd handler, here, puts it
 * there. What the handler does before is done while the lock is held, for certain.
 */
#ifndef RTNL_HOLD_H
#define RTNL_HOLD_H

/*
 * Loads the module, opens what is needed and starts the handler's thread, with the scheduling
 * policy of the caller. `held` is called in it, while the lock is held. 0, or -1 with errno.
 */
int rtnl_hold_prepare(void (*held)(void));

/* Takes the lock, has held() called, gives it back; works once. 0, or -1 with errno. */
int rtnl_hold(void);

#endif
