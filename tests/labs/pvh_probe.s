# A PVH image that says what it was given, on COM1: the command line, the first module, how many memory regions.
# Linked at 16 MiB, where Linux is.
.section .note.Xen, "a", @note
    .long 4
    .long 8
    .long 18                        # XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad start

.set MAGIC, 0x336ec578
.set COM1, 0x3f8

.text
.code32
    .globl start
start:
    movl $stack, %esp
    movw $COM1, %dx
    cmpl $MAGIC, (%ebx)
    jne end
    movl 24(%ebx), %esi             # cmdline_paddr
1:  lodsb
    testb %al, %al
    jz 2f
    outb %al, %dx
    jmp 1b
2:  call newline
    movl 16(%ebx), %edi             # modlist_paddr: paddr, size
    movl (%edi), %esi
    movl 8(%edi), %ecx
    rep outsb
    call newline
    movl 48(%ebx), %eax             # memmap_entries
    addb $'0', %al
    outb %al, %dx
    call newline
end:
    lidt empty                      # a triple fault ends the machine
    int3

newline:
    movb $'\n', %al
    outb %al, %dx
    ret

    .balign 4
empty:
    .word 0
    .long 0

.bss
    .skip 4096
stack:
