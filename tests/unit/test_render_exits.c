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
		enum fsv_insn insn;
	} rows[] = {
		{FS_ISA_SVM, 0x400, "NPF", FSV_I_NONE},
		{FS_ISA_SVM, 0x78, "HLT", FSV_I_HLT},
		{FS_ISA_SVM, 0xa6, "IDLE_HLT", FSV_I_HLT},
		{FS_ISA_SVM, 0x7b, "IOIO", FSV_I_IO},
		{FS_ISA_SVM, 0x7c, "MSR", FSV_I_MSR},
		{FS_ISA_SVM, 0x4e, "exception 14", FSV_I_NONE},
		{FS_ISA_SVM, 0x27, "READ_DR7", FSV_I_NONE},
		{FS_ISA_SVM, 0x36, "WRITE_DR6", FSV_I_NONE},
		{FS_ISA_SVM, 0x9ff, "SVM 0x9ff", FSV_I_NONE},
		{FS_ISA_SVM, FSV_NO_EXIT, "", FSV_I_NONE},
		{FS_ISA_VMX, 48, "EPT_VIOLATION", FSV_I_NONE},
		{FS_ISA_VMX, 12, "HLT", FSV_I_HLT},
		{FS_ISA_VMX, 30, "IO_INSTRUCTION", FSV_I_IO},
		{FS_ISA_VMX, 32, "MSR_WRITE", FSV_I_MSR},
		{FS_ISA_VMX, 0x80000021, "INVALID_STATE (entry failed)", FSV_I_NONE},
		{FS_ISA_VMX, 65, "VMX 0x41", FSV_I_NONE},
		{FS_ISA_UNKNOWN, 7, "exit 0x7", FSV_I_NONE},
	};
	char buf[FSV_EXIT_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(fsv_exit_name(rows[i].isa, rows[i].reason, buf, sizeof(buf)),
				    rows[i].name);
		assert_int_equal(fsv_exit_insn(rows[i].isa, rows[i].reason), rows[i].insn);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
