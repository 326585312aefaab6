# Entry from the PVH loader: 32-bit protected mode, flat segments, paging off, interrupts off.
# https://xenbits.xen.org/docs/unstable/misc/pvh.html
.include "defs.inc"

.section .note.Xen, "a", @note
    .balign 4
    .long 4                         # size of the name
    .long 8                         # size of the entry address
    .long 18                        # XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad start

.text
.code32

function start
    cli
    cld
    movl $kernel_stack_top, %esp
    call mask_interrupts
    call require_long_mode
    call stage32                    # the events of 32-bit mode
    call build_page_tables

    movl %cr4, %eax
    orl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $page_map, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_SCE_LME, %eax
    wrmsr
    movl %cr0, %eax
    orl $CR0_PG, %eax
    movl %eax, %cr0
    ljmp $SEL_CODE64, $stage64

# Both 8259s: no line may interrupt the STI of an event.
function mask_interrupts
    movb $0xff, %al
    outb %al, $0x21
    outb %al, $0xa1
    ret

# CPUID 80000001h EDX: long mode (29) and SYSCALL (11, which Intel CPUs report in 64-bit mode only).
function require_long_mode
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb 1f
    movl $0x80000001, %eax
    cpuid
    btl $29, %edx
    jnc 1f
    ret
1:  movl $no_long_mode_text, %esi
    movl $no_long_mode_end - no_long_mode_text, %ecx
    movw $0x3f8, %dx
    rep outsb
    jmp triple_fault32

# The first 16 MiB one to one in 2 MiB pages, the second one for CPL 3 too.
function build_page_tables
    movl $page_directory_pointers + 0x7, page_map
    movl $page_directory + 0x7, page_directory_pointers
    movl $page_directory, %edi
    movl $0x83, %eax                # present, writable, 2 MiB
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    cmpl $0x1000083, %eax
    jb 1b
    orl $0x4, page_directory + 8
    ret

function triple_fault32
    lidt empty_idtr
    int3

.section .rodata
no_long_mode_text:
    .ascii "dr6 demo guest: this CPU has no long mode\n"
no_long_mode_end:

.bss
    .balign 4096
object page_map
    .skip 4096
object page_directory_pointers
    .skip 4096
object page_directory
    .skip 4096
    .skip 16384
object kernel_stack_top
    .skip 8192
object interrupt_stack_top          # RSP0: where exceptions at CPL 3 arrive
    .skip 4096
object double_fault_stack_top       # IST1
