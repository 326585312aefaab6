# Made by `make docs` from the command line of dr6.

function __dr6_target
    set -l word (commandline -ct)
    set -l scheme (string match -r '^(?:unix|serial|replay):' -- $word)
    if test -n "$scheme"
        for path in (__fish_complete_path (string replace -- $scheme '' $word))
            printf '%s%s\n' $scheme $path
        end
    else
        printf '%s\n' tcp: unix: serial: gdbsx: xen: replay:
        __fish_complete_path $word
    end
end

function __dr6_listen
    set -l word (commandline -ct)
    if string match -q 'unix:*' -- $word
        for path in (__fish_complete_path (string replace unix: '' -- $word))
            printf 'unix:%s\n' $path
        end
    else
        printf '%s\n' localhost: unix:
    end
end

complete -c dr6 -f
complete -c dr6 -n __fish_use_subcommand -s h -l help -d 'show this help message and exit'
complete -c dr6 -n __fish_use_subcommand -l version -d 'show program\'s version number and exit'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -s h -l help -d 'show this help message and exit'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l host -x -d 'QEMU with KVM on another machine: put this in front of the command that reads there what KVM keeps of each exit, as in \'ssh root@host\''
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l dom0 -x -d 'Xen: put this in front of every helper command, as in \'ssh root@dom0\''
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l domain -x -d 'Xen: the domain behind gdbsx:HOST:PORT, by name or number'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l keep-int3s -d 'Xen: leave the int3s of an earlier dr6 that was killed where they are (default: they are taken out; the screen asks first)'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -o ex -l ex -x -a 'add-symbol-file advance awatch backtrace break catch clear clients code commands condition continue cpu define delete detach disable disassemble disconnect display document down dprintf dr drive echo else enable end events find finish frame give hbreak help if ignore info interrupt jump kill layout loop_break loop_continue monitor nexti output print printf quit record rwatch save set shell source stepi stops symbol-file tbreak tcatch thbreak thread trace translate undisplay until up watch while why x' -d 'a command to run'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -s x -l command-file -rF -d 'commands to run from a file'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -o batch -l batch -d 'no screen: run the commands in order, then leave'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l strict -d 'with --batch: end at the first command that fails'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -o nx -l nx -d 'do not run the init file, ~/.config/dr6/init'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l serve -x -a '(__dr6_listen)' -d 'let stock gdb in beside the screen: :PORT, HOST:PORT or unix:PATH'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l monitor -x -a 'none info pwndbg all' -d 'which commands of the hypervisor\'s own monitor clients may use; \'pwndbg\': those that only look, and how it finds QEMU; \'all\' lets them run programs of this machine (default: info, those that only look)'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l read-only -d 'clients write neither registers nor memory'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l allow-kill -d 'clients may end the guest'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l allow-remote -d 'listen where other machines can connect: whoever does controls the guest, there is no password'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l clients -x -d 'at most N at a time (default: 16)'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l witness -x -a 'auto off require' -d 'QEMU\'s log of exceptions beside the breakpoints at handlers: what those miss is an event, too (default: auto)'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l backend -x -a 'qemu-tcg qemu-kvm xen-gdbsx bhyve generic' -d 'do not ask who the stub is: qemu-tcg, qemu-kvm, xen-gdbsx, bhyve, generic'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l symbols -rF -d 'ELF file, System.map or copy of kallsyms with the guest\'s symbols; FILE@OFFSET moves them; repeatable'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l kaslr -x -a 'auto off' -d 'how much higher than linked a Linux kernel runs: auto (its IDT says it; the default), off, or an offset'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l record -rF -d 'write the whole session down, for dr6 replay'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -l leave -x -a 'running stopped' -d 'how the guest is left at the end; breakpoints are taken out in any case (default: running)'
complete -c dr6 -n '__fish_seen_subcommand_from attach' -f -a '(__dr6_target)'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -s h -l help -d 'show this help message and exit'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -o ex -l ex -x -a 'add-symbol-file advance awatch backtrace break catch clear clients code commands condition continue cpu define delete detach disable disassemble disconnect display document down dprintf dr drive echo else enable end events find finish frame give hbreak help if ignore info interrupt jump kill layout loop_break loop_continue monitor nexti output print printf quit record rwatch save set shell source stepi stops symbol-file tbreak tcatch thbreak thread trace translate undisplay until up watch while why x' -d 'a command to run'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -s x -l command-file -rF -d 'commands to run from a file'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -o batch -l batch -d 'no screen: run the commands in order, then leave'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l strict -d 'with --batch: end at the first command that fails'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -o nx -l nx -d 'do not run the init file, ~/.config/dr6/init'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l serve -x -a '(__dr6_listen)' -d 'let stock gdb in beside the screen: :PORT, HOST:PORT or unix:PATH'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l monitor -x -a 'none info pwndbg all' -d 'which commands of the hypervisor\'s own monitor clients may use; \'pwndbg\': those that only look, and how it finds QEMU; \'all\' lets them run programs of this machine (default: info, those that only look)'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l read-only -d 'clients write neither registers nor memory'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l allow-kill -d 'clients may end the guest'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l allow-remote -d 'listen where other machines can connect: whoever does controls the guest, there is no password'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l clients -x -d 'at most N at a time (default: 16)'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l witness -x -a 'auto off require' -d 'QEMU\'s log of exceptions beside the breakpoints at handlers: what those miss is an event, too (default: auto)'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l backend -x -a 'qemu-tcg qemu-kvm xen-gdbsx bhyve generic' -d 'do not ask who the stub is: qemu-tcg, qemu-kvm, xen-gdbsx, bhyve, generic'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l symbols -rF -d 'ELF file, System.map or copy of kallsyms with the guest\'s symbols; FILE@OFFSET moves them; repeatable'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l kaslr -x -a 'auto off' -d 'how much higher than linked a Linux kernel runs: auto (its IDT says it; the default), off, or an offset'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l record -rF -d 'write the whole session down, for dr6 replay'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l record-replay -rF -d 'QEMU\'s record and replay (one vCPU, TCG): where FILE is not there the run is written into it, else the run in it takes place again, instruction for instruction'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l accel -x -a 'tcg kvm'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l smp -x -d 'number of vCPUs'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l memory -x -d 'as QEMU writes it: 256M'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l cpu -x -d 'QEMU\'s CPU model'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -l qemu -rF -d 'which QEMU (default: qemu-system-x86_64)'
complete -c dr6 -n '__fish_seen_subcommand_from launch' -F
complete -c dr6 -n '__fish_seen_subcommand_from demo' -s h -l help -d 'show this help message and exit'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -l record -rF -d 'write the whole session down, for dr6 replay'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -o batch -l batch -d 'print each explained stop, no screen'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -l serve -x -a '(__dr6_listen)' -d 'let stock gdb in beside the screen: :PORT, HOST:PORT or unix:PATH'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -l monitor -x -a 'none info pwndbg all' -d 'which commands of the hypervisor\'s own monitor clients may use; \'pwndbg\': those that only look, and how it finds QEMU; \'all\' lets them run programs of this machine (default: info, those that only look)'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -l read-only -d 'clients write neither registers nor memory'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -l allow-kill -d 'clients may end the guest'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -l allow-remote -d 'listen where other machines can connect: whoever does controls the guest, there is no password'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -l clients -x -d 'at most N at a time (default: 16)'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -l accel -x -a 'tcg kvm'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -l smp -x -d 'number of vCPUs'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -l memory -x -d 'as QEMU writes it: 256M'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -l cpu -x -d 'QEMU\'s CPU model'
complete -c dr6 -n '__fish_seen_subcommand_from demo' -l qemu -rF -d 'which QEMU (default: qemu-system-x86_64)'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -s h -l help -d 'show this help message and exit'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l host -x -d 'QEMU with KVM on another machine: put this in front of the command that reads there what KVM keeps of each exit, as in \'ssh root@host\''
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l dom0 -x -d 'Xen: put this in front of every helper command, as in \'ssh root@dom0\''
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l domain -x -d 'Xen: the domain behind gdbsx:HOST:PORT, by name or number'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l keep-int3s -d 'Xen: leave the int3s of an earlier dr6 that was killed where they are (default: they are taken out; the screen asks first)'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l steps -x -d 'end after N stops'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l from -x -d 'run to there first, unrecorded'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l until -x -d 'end at this address'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l seconds -x -d 'end after S seconds'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l break -x -d 'hw:/sw: prefix; repeatable'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l watch -x -d 'a data breakpoint; repeatable'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l catch -x -a 'de db nmi bp of br ud nm df ts np ss gp pf mf ac mc xm ve cp hv vc sx' -d 'vectors to catch at the guest\'s handlers: db, bp, gp, pf, numbers'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l events -d 'run freely, record only explained events (without --catch: #DB)'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l no-stop -d 'with --events: the guest is never stopped; what it gets is read from QEMU\'s log (TCG of this machine)'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l witness -x -a 'auto off require' -d 'QEMU\'s log of exceptions beside the breakpoints at handlers: what those miss is an event, too (default: auto)'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -s o -l output -rF -d '.jsonl, .jsonl.zst, .txt, or a folder .parquet (default: standard output)'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l format -x -a 'text jsonl parquet' -d 'default: by the file\'s suffix'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l engine -x -a 'auto step log' -d 'step: by the stub, each stop explained; log: QEMU\'s TCG of this machine tells of each instruction, a hundred times faster; auto: log from 100,000 rows on, where that can be (default: auto)'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l self-check -x -d 'with --engine log: the first N rows are made by stepping, too, and compared (default: 1000)'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l cpu -x -d 'which vCPU is stepped, from 0'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l backend -x -a 'qemu-tcg qemu-kvm xen-gdbsx bhyve generic' -d 'do not ask who the stub is: qemu-tcg, qemu-kvm, xen-gdbsx, bhyve, generic'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l symbols -rF -d 'ELF file, System.map or copy of kallsyms with the guest\'s symbols; FILE@OFFSET moves them; repeatable'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l kaslr -x -a 'auto off' -d 'how much higher than linked a Linux kernel runs: auto (its IDT says it; the default), off, or an offset'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l record -rF -d 'write the whole session down, for dr6 replay'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -l leave -x -a 'running stopped' -d 'how the guest is left at the end; breakpoints are taken out in any case (default: running)'
complete -c dr6 -n '__fish_seen_subcommand_from trace' -f -a '(__dr6_target)'
complete -c dr6 -n '__fish_seen_subcommand_from query' -s h -l help -d 'show this help message and exit'
complete -c dr6 -n '__fish_seen_subcommand_from query' -l json -d 'one JSON object a line'
complete -c dr6 -n '__fish_seen_subcommand_from query' -l csv -d 'CSV with a head line'
complete -c dr6 -n '__fish_seen_subcommand_from query' -l run -x -d 'one of several runs of a dataset (default: all)'
complete -c dr6 -n '__fish_seen_subcommand_from query' -F
complete -c dr6 -n '__fish_seen_subcommand_from query' -f
complete -c dr6 -n '__fish_seen_subcommand_from show' -s h -l help -d 'show this help message and exit'
complete -c dr6 -n '__fish_seen_subcommand_from show' -l run -x -d 'which of several runs'
complete -c dr6 -n '__fish_seen_subcommand_from show' -F
complete -c dr6 -n '__fish_seen_subcommand_from show' -f
complete -c dr6 -n '__fish_seen_subcommand_from diff' -s h -l help -d 'show this help message and exit'
complete -c dr6 -n '__fish_seen_subcommand_from diff' -l ignore -x -d 'registers (rax), or pc, regs, dr, dr6, frame, vector, causes, events; repeatable'
complete -c dr6 -n '__fish_seen_subcommand_from diff' -l all -d 'show every difference, not only the first'
complete -c dr6 -n '__fish_seen_subcommand_from diff' -l left-run -x -d 'which of several runs'
complete -c dr6 -n '__fish_seen_subcommand_from diff' -l right-run -x -d 'which of several runs'
complete -c dr6 -n '__fish_seen_subcommand_from diff' -F
complete -c dr6 -n '__fish_seen_subcommand_from diff' -F
complete -c dr6 -n '__fish_seen_subcommand_from serve' -s h -l help -d 'show this help message and exit'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l host -x -d 'QEMU with KVM on another machine: put this in front of the command that reads there what KVM keeps of each exit, as in \'ssh root@host\''
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l dom0 -x -d 'Xen: put this in front of every helper command, as in \'ssh root@dom0\''
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l domain -x -d 'Xen: the domain behind gdbsx:HOST:PORT, by name or number'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l keep-int3s -d 'Xen: leave the int3s of an earlier dr6 that was killed where they are (default: they are taken out; the screen asks first)'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l listen -x -a '(__dr6_listen)' -d 'where clients connect: :PORT or HOST:PORT (0: any free port), unix:PATH'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l monitor -x -a 'none info pwndbg all' -d 'which commands of the hypervisor\'s own monitor clients may use; \'pwndbg\': those that only look, and how it finds QEMU; \'all\' lets them run programs of this machine (default: info, those that only look)'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l read-only -d 'clients write neither registers nor memory'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l allow-kill -d 'clients may end the guest'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l allow-remote -d 'listen where other machines can connect: whoever does controls the guest, there is no password'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l clients -x -d 'at most N at a time (default: 16)'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l witness -x -a 'auto off require' -d 'QEMU\'s log of exceptions beside the breakpoints at handlers: what those miss is an event, too (default: auto)'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l backend -x -a 'qemu-tcg qemu-kvm xen-gdbsx bhyve generic' -d 'do not ask who the stub is: qemu-tcg, qemu-kvm, xen-gdbsx, bhyve, generic'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l symbols -rF -d 'ELF file, System.map or copy of kallsyms with the guest\'s symbols; FILE@OFFSET moves them; repeatable'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l kaslr -x -a 'auto off' -d 'how much higher than linked a Linux kernel runs: auto (its IDT says it; the default), off, or an offset'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l record -rF -d 'write the whole session down, for dr6 replay'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -l leave -x -a 'running stopped' -d 'how the guest is left at the end; breakpoints are taken out in any case (default: running)'
complete -c dr6 -n '__fish_seen_subcommand_from serve' -f -a '(__dr6_target)'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -s h -l help -d 'show this help message and exit'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -l dom0 -x -d 'Xen: put this in front of every helper command, as in \'ssh root@dom0\''
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -l domain -x -d 'Xen: the domain behind gdbsx:HOST:PORT, by name or number'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -l probe -d 'run the tests on the guest behind TARGET; its memory and registers are put back'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -l json -d 'one JSON object'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -l backend -x -a 'qemu-tcg qemu-kvm xen-gdbsx bhyve generic' -d 'do not ask who the stub is: qemu-tcg, qemu-kvm, xen-gdbsx, bhyve, generic'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -l record -rF -d 'write the conversation with TARGET down, for dr6 replay'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -l leave -x -a 'running stopped' -d 'how the guest behind TARGET is left (default: running, but stopped if it waits to be started)'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -l accel -x -a 'tcg kvm'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -l smp -x -d 'number of vCPUs'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -l memory -x -d 'as QEMU writes it: 256M'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -l cpu -x -d 'QEMU\'s CPU model'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -l qemu -rF -d 'which QEMU (default: qemu-system-x86_64)'
complete -c dr6 -n '__fish_seen_subcommand_from doctor' -f -a '(__dr6_target)'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -s h -l help -d 'show this help message and exit'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l dr6 -x -d 'DR6 as the guest\'s handler reads it'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l evidence -rF -d 'evidence as JSON; - is standard input'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l trace -rF -d 'a trace of any format: explain one row of it'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l cause -x -a 'instruction-breakpoint data-write data-access io-breakpoint general-detect single-step branch-step task-switch icebp bus-lock rtm injected software-breakpoint software-interrupt exception interrupt-request shutdown internal-error spurious unknown' -d 'what a cause is, how it is told, and who does what to it'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l list-causes -d 'the names of all causes, a sentence each'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l row -x -d 'with --trace: the number of the row'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l dr7 -x
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l dr0 -x
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l dr1 -x
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l dr2 -x
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l dr3 -x
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l cr4 -x
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l before-dr6 -x -d 'DR6 before the event'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l debugctl -x -d 'DEBUGCTL before the event'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l rip -x -d 'the saved RIP, from the exception frame'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l rflags -x -d 'the saved RFLAGS (needs --rip)'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l cs -x -d 'the saved CS (needs --rflags)'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l code -x -d 'guest bytes around the saved RIP, like 0x100400:9090f1'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l mode -x -a '16 32 64' -d 'CPU mode (64 is assumed)'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l vendor -x -a 'intel amd'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l backend -x -a 'qemu-tcg qemu-kvm xen-gdbsx bhyve generic' -d 'qemu-tcg, qemu-kvm, xen-gdbsx, …'
complete -c dr6 -n '__fish_seen_subcommand_from explain' -l json -d 'the answer as JSON'
complete -c dr6 -n '__fish_seen_subcommand_from xen-helper' -s h -l help -d 'show this help message and exit'
complete -c dr6 -n '__fish_seen_subcommand_from replay' -s h -l help -d 'show this help message and exit'
complete -c dr6 -n '__fish_seen_subcommand_from replay' -l allow-files -d 'let commands and the recorded command line read and write files of this machine (symbols, record, trace, source); without it nothing but FILE and your own --symbols is touched'
complete -c dr6 -n '__fish_seen_subcommand_from replay' -l symbols -rF -d 'ELF file with the guest\'s symbols; repeatable'
complete -c dr6 -n '__fish_seen_subcommand_from replay' -o ex -l ex -x -a 'add-symbol-file advance awatch backtrace break catch clear clients code commands condition continue cpu define delete detach disable disassemble disconnect display document down dprintf dr drive echo else enable end events find finish frame give hbreak help if ignore info interrupt jump kill layout loop_break loop_continue monitor nexti output print printf quit record rwatch save set shell source stepi stops symbol-file tbreak tcatch thbreak thread trace translate undisplay until up watch while why x' -d 'a command to run'
complete -c dr6 -n '__fish_seen_subcommand_from replay' -s x -l command-file -rF -d 'commands to run from a file'
complete -c dr6 -n '__fish_seen_subcommand_from replay' -o batch -l batch -d 'no screen: run the commands in order, then leave'
complete -c dr6 -n '__fish_seen_subcommand_from replay' -l strict -d 'with --batch: end at the first command that fails'
complete -c dr6 -n '__fish_seen_subcommand_from replay' -F
complete -c dr6 -n __fish_use_subcommand -a attach -d 'Debug a guest behind a stub: the screen, or --batch.'
complete -c dr6 -n __fish_use_subcommand -a launch -d 'Start QEMU with an image, paused, and debug it. QEMU ends with dr6.'
complete -c dr6 -n __fish_use_subcommand -a demo -d 'Launch the bundled guest, which raises every kind of #DB.'
complete -c dr6 -n __fish_use_subcommand -a trace -d 'Trace a guest without a screen: every step, or every event.'
complete -c dr6 -n __fish_use_subcommand -a query -d 'Ask a trace by SQL: DuckDB over Parquet or JSON lines.'
complete -c dr6 -n __fish_use_subcommand -a show -d 'Show one row of a trace, all of it.'
complete -c dr6 -n __fish_use_subcommand -a diff -d 'Where two traces part, and what that means.'
complete -c dr6 -n __fish_use_subcommand -a serve -d 'Let stock gdb, lldb and their plug-ins attach through dr6.'
complete -c dr6 -n __fish_use_subcommand -a doctor -d 'What the stub is, and tests of what can be trusted on it.'
complete -c dr6 -n __fish_use_subcommand -a explain -d 'Why a #DB fired, from DR6 or from a file of evidence.'
complete -c dr6 -n __fish_use_subcommand -a xen-helper -d 'Print the C source of dr6-vcpu: hardware breakpoints for Xen\'s gdbsx.'
complete -c dr6 -n __fish_use_subcommand -a replay -d 'Go through a recorded session again, without a guest.'
