// SPDX-License-Identifier: BSD-2-Clause
/* The VMMs that are known, by their names. */
#include <string.h>
#include "vmm/vmm.h"

static const struct fs_vmm_ops *const drivers[] = {&fs_vmm_firecracker, &fs_vmm_cloud_hypervisor,
						   &fs_vmm_qemu, &fs_vmm_attach};

const struct fs_vmm_ops *fs_vmm_find(const char *name)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (!strcmp(drivers[i]->name, name))
			return drivers[i];
	return NULL;
}

const char *fs_vmm_names(void)
{
	return "firecracker, cloud-hypervisor, qemu, attach";
}
