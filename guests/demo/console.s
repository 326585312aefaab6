# COM1 by polling, and one line for each exception of an event.
.include "defs.inc"

.set COM1, 0x3f8

.text
.code64

function console_init
    leaq uart_setup(%rip), %rsi
    movl $7, %ecx
1:  movzwl (%rsi), %edx
    movb 2(%rsi), %al
    outb %al, %dx
    addq $3, %rsi
    loop 1b
    ret

# %al: a character. The wait for the UART is bounded: there may be none.
function print_char
    pushq %rcx
    pushq %rdx
    movb %al, %ah
    movl $100000, %ecx
    movw $COM1 + 5, %dx
1:  inb %dx, %al
    testb $0x20, %al
    loopz 1b
    movb %ah, %al
    movw $COM1, %dx
    outb %al, %dx
    popq %rdx
    popq %rcx
    ret

# %rsi: text, ended by 0.
function print
1:  movb (%rsi), %al
    testb %al, %al
    jz 2f
    call print_char
    incq %rsi
    jmp 1b
2:  ret

# %rax: a number, %ecx: how many digits.
function print_hex
    movq %rax, %rdx
    movl %ecx, %edi
    shll $2, %ecx
    negl %ecx
    addl $64, %ecx
    shlq %cl, %rdx                  # the first digit on top
1:  rolq $4, %rdx
    movl %edx, %eax
    andl $0xf, %eax
    leaq digits(%rip), %r8
    movb (%r8,%rax), %al
    call print_char
    decl %edi
    jnz 1b
    ret

# %eax: a number below 100, as two decimal digits.
function print_decimal
    movl $10, %ecx
    xorl %edx, %edx
    divl %ecx
    movl %edx, %ebp
    addb $'0', %al
    call print_char
    movl %ebp, %eax
    addb $'0', %al
    jmp print_char

# What the log says of the event that just ended: "04 db dr6=ffff0ff1 rip=00000000001003a4 title", or that
# nothing was raised.
function report
    movl reported(%rip), %ebx
    cmpl log_count(%rip), %ebx
    jae 2f
    movl %ebx, %r9d
    shll $LOG_SHIFT, %r9d
    leaq event_log(%rip), %rax
    addq %rax, %r9
    movl event_number(%rip), %eax
    cmpq %rax, LOG_EVENT(%r9)
    jne 2f
1:  call print_record
    incl %ebx
    movl %ebx, reported(%rip)
    cmpl log_count(%rip), %ebx
    jae 3f
    addq $1 << LOG_SHIFT, %r9
    movl event_number(%rip), %eax
    cmpq %rax, LOG_EVENT(%r9)
    je 1b
    ret
2:  movl event_number(%rip), %eax
    call print_decimal
    leaq not_raised_text(%rip), %rsi
    cmpl $0, event_outcome(%rip)
    je 4f
    leaq not_supported_text(%rip), %rsi
4:  call print
    jmp print_title
3:  ret

# %r9: the record.
function print_record
    movl LOG_EVENT(%r9), %eax
    call print_decimal
    movb $' ', %al
    call print_char
    movl LOG_VECTOR(%r9), %r10d
    leaq mnemonics(%rip), %r11
    movb (%r11,%r10,2), %al
    call print_char
    movb 1(%r11,%r10,2), %al
    call print_char
    leaq dr6_text(%rip), %rsi
    call print
    movq LOG_DR6(%r9), %rax
    movl $8, %ecx
    call print_hex
    leaq rip_text(%rip), %rsi
    call print
    movq LOG_RIP(%r9), %rax
    movl $16, %ecx
    call print_hex
    movb $' ', %al
    call print_char

function print_title
    movl event_number(%rip), %eax
    decl %eax
    shll $4, %eax
    leaq event_table(%rip), %rsi
    movq 8(%rsi,%rax), %rsi
    call print
    movb $'\n', %al
    jmp print_char

.data
    .balign 4
object reported                     # records of the log that were printed
    .long 0

.section .rodata
uart_setup:                         # port, value
    .word COM1 + 1; .byte 0x00      # no interrupts
    .word COM1 + 3; .byte 0x80      # divisor latch
    .word COM1 + 0; .byte 0x01      # 115200 baud
    .word COM1 + 1; .byte 0x00
    .word COM1 + 3; .byte 0x03      # 8N1
    .word COM1 + 2; .byte 0x00      # no FIFO
    .word COM1 + 4; .byte 0x03      # DTR, RTS
digits:
    .ascii "0123456789abcdef"
mnemonics:                          # two letters for each vector
    .ascii "dedbnibpofbrudnmdfcotsnpssgppf--mfacmcxmvecp"
    .rept VECTORS - 22
    .ascii "--"
    .endr
dr6_text:
    .asciz " dr6="
rip_text:
    .asciz " rip="
not_raised_text:
    .asciz " -- not raised: "
not_supported_text:
    .asciz " -- not supported by this CPU: "
