// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "bpf/event.h"
#include "guestsyms/exit_names.h"

static void names(void **state)
{
	static const struct {
		unsigned int isa;
		uint32_t reason;
		const char *name;
		enum fsy_insn insn;
	} rows[] = {
		{FS_ISA_SVM, 0x400, "NPF", FSY_I_NONE},
		{FS_ISA_SVM, 0x78, "HLT", FSY_I_HLT},
		{FS_ISA_SVM, 0xa6, "IDLE_HLT", FSY_I_HLT},
		{FS_ISA_SVM, 0x7b, "IOIO", FSY_I_IO},
		{FS_ISA_SVM, 0x7c, "MSR", FSY_I_MSR},
		{FS_ISA_SVM, 0x4e, "exception 14", FSY_I_NONE},
		{FS_ISA_SVM, 0x27, "READ_DR7", FSY_I_NONE},
		{FS_ISA_SVM, 0x36, "WRITE_DR6", FSY_I_NONE},
		{FS_ISA_SVM, 0x9ff, "SVM 0x9ff", FSY_I_NONE},
		{FS_ISA_SVM, FSY_NO_EXIT, "", FSY_I_NONE},
		{FS_ISA_VMX, 48, "EPT_VIOLATION", FSY_I_NONE},
		{FS_ISA_VMX, 12, "HLT", FSY_I_HLT},
		{FS_ISA_VMX, 30, "IO_INSTRUCTION", FSY_I_IO},
		{FS_ISA_VMX, 32, "MSR_WRITE", FSY_I_MSR},
		{FS_ISA_VMX, 0x80000021, "INVALID_STATE (entry failed)", FSY_I_NONE},
		{FS_ISA_VMX, 65, "VMX 0x41", FSY_I_NONE},
		{FS_ISA_UNKNOWN, 7, "exit 0x7", FSY_I_NONE},
	};
	char buf[FSY_EXIT_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(fsy_exit_name(rows[i].isa, rows[i].reason, buf, sizeof(buf)),
				    rows[i].name);
		assert_int_equal(fsy_exit_insn(rows[i].isa, rows[i].reason), rows[i].insn);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
