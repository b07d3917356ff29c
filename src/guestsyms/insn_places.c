// SPDX-License-Identifier: BSD-2-Clause
/* Where an instruction stands: by the bytes of the code, by the functions that are known for it. */
#include <string.h>
#include "guestsyms/insn_places.h"

/*
 * Parts of the names of functions that an instruction is known to stand in (Linux x86-64, 4.14 to
 * 7.x). A name that is not here says nothing, except for hlt: there are no other places.
 */
static const struct {
	enum fsy_insn insn;
	const char *part;
} known_functions[] = {
	{FSY_I_HLT, "default_idle"},
	{FSY_I_HLT, "safe_halt"},
	{FSY_I_HLT, "native_halt"},
	{FSY_I_HLT, "acpi_idle"},
	{FSY_I_HLT, "mwait_idle"},
	{FSY_I_HLT, "default_enter_idle"},
	{FSY_I_HLT, "arch_cpu_idle"},
	{FSY_I_HLT, "kvm_wait"},
	{FSY_I_HLT, "play_dead"},
	{FSY_I_HLT, "intel_idle"},
	{FSY_I_HLT, "stop_this_cpu"},
	{FSY_I_HLT, "amd_e400_idle"},
	{FSY_I_IO, "io_serial_"},
	{FSY_I_IO, "ioread"},
	{FSY_I_IO, "iowrite"},
	{FSY_I_IO, "pci_conf1_"},
	{FSY_I_IO, "native_io_delay"},
	{FSY_I_IO, "cmos"},
	{FSY_I_IO, "mc146818"},
	{FSY_I_IO, "acpi_os_read_port"},
	{FSY_I_IO, "acpi_os_write_port"},
	{FSY_I_IO, "acpi_pm_read"},
	{FSY_I_IO, "i8042"},
	{FSY_I_IO, "8259A"},
	{FSY_I_IO, "pit_"},
	{FSY_I_IO, "serial8250"},
	{FSY_I_IO, "i8254"},
	{FSY_I_IO, "ata_"},
	{FSY_I_MSR, "_msr"},
	{FSY_I_MSR, "lapic_next_deadline"},
	{FSY_I_MSR, "x2apic"},
	{FSY_I_MSR, "apic_eoi"},
	{FSY_I_MSR, "apic_write"},
	{FSY_I_MSR, "apic_mem"},
	{FSY_I_CPUID, "cpuid"},
	{FSY_I_CPUID, "sync_core"},
	{FSY_I_MWAIT, "idle"},
	{FSY_I_MWAIT, "mwait"},
	{FSY_I_HYPERCALL, "kvm_"},
	{FSY_I_HYPERCALL, "hypercall"},
};

bool fsy_insn_known_function(enum fsy_insn insn, const char *name)
{
	for (size_t i = 0; i < sizeof(known_functions) / sizeof(known_functions[0]); i++)
		if (known_functions[i].insn == insn && strstr(name, known_functions[i].part))
			return true;
	return false;
}

/* Intel SDM, volume 2. */
bool fsy_insn_is(enum fsy_insn insn, const uint8_t *c, size_t n)
{
	while (insn == FSY_I_IO && n > 1 && (*c == 0x66 || *c == 0xf2 || *c == 0xf3)) {
		c++;
		n--;
	}
	if (insn == FSY_I_CR && n > 1 && (*c & 0xf0) == 0x40) {
		c++;
		n--;
	}
	if (n < 3)
		return false;
	switch (insn) {
	case FSY_I_HLT:
		return c[0] == 0xf4;
	case FSY_I_IO:
		return (c[0] & 0xf4) == 0xe4 || (c[0] & 0xfc) == 0x6c;
	case FSY_I_MSR:
		return c[0] == 0x0f && (c[1] == 0x30 || c[1] == 0x32);
	case FSY_I_CPUID:
		return c[0] == 0x0f && c[1] == 0xa2;
	case FSY_I_PAUSE:
		return c[0] == 0xf3 && c[1] == 0x90;
	case FSY_I_MWAIT:
		return c[0] == 0x0f && c[1] == 0x01 && c[2] == 0xc9;
	case FSY_I_HYPERCALL:
		return c[0] == 0x0f && c[1] == 0x01 && (c[2] == 0xc1 || c[2] == 0xd9);
	case FSY_I_CR:
		return c[0] == 0x0f && (c[1] == 0x20 || c[1] == 0x22 || c[1] == 0x06);
	case FSY_I_NONE:
		break;
	}
	return false;
}
