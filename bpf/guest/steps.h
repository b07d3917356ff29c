/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps of the resume signal that are functions (PRINTK is a tracepoint), for both objects.
 *
 * X(STEP, program, function, its arguments, which of them is recorded (from 0))
 */
#ifndef FS_GUEST_STEPS_H
#define FS_GUEST_STEPS_H

/* Only where they begin. */
#define FSG_STEPS_POINT(X)                      \
	X(GPE, gpe, acpi_ev_gpe_dispatch, 3, 2) \
	X(VMCLOCK_MMAP, vmclock_mmap, vmclock_miscdev_mmap, 2, 1)

/* Where they begin and end; they return nothing. */
#define FSG_STEPS_VOID(X)                                                          \
	X(ACPI_WORK, acpi_work, acpi_os_execute_deferred, 1, 0)                    \
	X(ACPI_NOTIFY, acpi_notify, acpi_ev_notify_dispatch, 1, 0)                 \
	X(VMCLOCK_NOTIFY, vmclock_notify, vmclock_acpi_notification_handler, 3, 1) \
	X(VMGENID_NOTIFY, vmgenid_notify, vmgenid_acpi_handler, 3, 1)              \
	X(VMFORK, vmfork, add_vmfork_randomness, 2, 1)

/* Where they begin and end, with what they return. */
#define FSG_STEPS_VALUE(X)                                        \
	X(GED, ged, acpi_ged_irq_handler, 2, 0)                   \
	X(VMCLOCK_POLL, vmclock_poll, vmclock_miscdev_poll, 2, 1) \
	X(VMCLOCK_READ, vmclock_read, vmclock_miscdev_read, 4, 2) \
	X(KMSG_READ, kmsg_read, devkmsg_read, 4, 2)

#endif
