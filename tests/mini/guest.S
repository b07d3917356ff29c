/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest of the mini VMM: position-independent long-mode code, run with paging on in the upper
 * half, as the kernel of a restored VM would. Parameters come in registers, see vm.c:
 *
 *   rdi  pages to touch          rsi  address of the first
 *   r8   1 = write to them       r9   loop turns between two pages
 *   r10  port writes before the end   r11  halts that an interrupt must end
 *   r12  the port of the end
 *
 * The interrupt handler drops its frame by hand instead of iretq, which a KVM that emulates every
 * instruction does not know in long mode.
 */
	.section .rodata
	.globl mini_guest, mini_guest_irq, mini_guest_end
	.balign 16
mini_guest:
touch:
	test	%rdi, %rdi
	jz	ports
	test	%r8, %r8
	jz	1f
	mov	%rdi, (%rsi)
	jmp	2f
1:	mov	(%rsi), %rax
2:	add	$4096, %rsi
	dec	%rdi
	mov	%r9, %rcx
3:	test	%rcx, %rcx
	jz	touch
	dec	%rcx
	jmp	3b

ports:
	mov	$0x80, %edx
	mov	$1, %eax
4:	test	%r10, %r10
	jz	halts
	out	%al, %dx
	dec	%r10
	jmp	4b

halts:
	test	%r11, %r11
	jz	finish
	sti
	hlt
	cli
	dec	%r11
	jmp	halts

finish:
	mov	%r12, %rdx
	mov	$1, %eax
	out	%al, %dx
	cli
5:	hlt
	jmp	5b

	.balign 16
mini_guest_irq:
	mov	$0x80b, %ecx		/* x2APIC end of interrupt */
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	mov	(%rsp), %rcx		/* where it interrupted */
	mov	24(%rsp), %rsp
	jmp	*%rcx
mini_guest_end:
	.section .note.GNU-stack,"",@progbits
