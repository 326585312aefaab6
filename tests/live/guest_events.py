"""What the guests ``debug16``, ``debug32`` and ``debug64`` do, in order; the form is that of `events.py`.

From the architecture (SDM vol. 3B 18.2-18.3, vol. 3A 6.8.3), with the departures of QEMU TCG, which are measured:
rows that begin with @7.2, @8.2 or @10.0 are what those releases do (7.2.22, 8.2.2, 10.0.13), and others are alike in
all. A cause is only likely where the evidence for more is gone when the handler begins; the reason stands beside it.
"""

DEBUG16 = """
    step_nop_next db single-step certain
    @7.2,8.2 step_mov_next db single-step certain
    @10.0 step_mov_next db single-step likely  # its last byte is F1
    step_immediate_next db single-step likely  # its last bytes are CD 01
    chain_2 db single-step certain
    chain_3 db single-step certain
    chain_4 db single-step certain
    chain_5 db single-step certain
    chain_6 db single-step certain
    chain_6_next db single-step certain
    step_rep db single-step certain
    @10.0 step_rep db single-step certain | tcg-rep-last
    step_rep_next db single-step certain
    step_jump_to db single-step certain
    step_jump_to+1 db single-step certain
    step_jump_to+2 db single-step certain
    step_jump_to+6 db single-step certain
    step_jump_to+7 db single-step certain
    jumps_end db single-step certain
    @8.2 jumps_end+15 db single-step certain  # BS was set before: it may have come from elsewhere
    @7.2,10.0 step_shadowed_next db single-step certain
    @7.2 step_sti_behind_next db single-step certain | tcg-sti-hides-step
    @8.2,10.0 step_sti_behind db single-step certain
    step_int_behind_next db single-step certain
    far_function db single-step certain
    iret_sets_tf_next db single-step certain
    write_1_next db data-write:0 certain
    read_2_next db data-access:1 certain
    write_4_next db data-write:2 certain
    overlap_next db data-write:3 certain
    in_page_next db data-write:3 certain
    @7.2 db_handler+2 db data-write:3 likely | tcg-stack-in-page | tcg-unaligned-store
    by_index_next db data-write:0 certain
    by_code_segment_next db data-write:0 certain
    by_wrap_next db data-write:0 certain
    by_push_next db data-write:0 certain
    by_call_to db data-write:0 certain
    by_enter_next db data-write:0 likely  # how far ENTER writes is not looked at
    @7.2,8.2 by_rep_stos db data-write:0 certain
    by_rep_stos_next db data-write:0 certain
    execute stop instruction-breakpoint:1 certain | tcg-breakpoint-by-eip
    execute_rep stop instruction-breakpoint:2 certain | tcg-breakpoint-by-eip
    merged_next db single-step certain | tcg-breakpoint-by-eip
    plain_handler stop instruction-breakpoint:0 certain | tcg-breakpoint-by-eip
    int_1_next db software-interrupt certain
    @7.2,8.2 icebp ud exception certain | tcg-icebp-ud
    @10.0 icebp_next db icebp certain
    int3_next bp software-breakpoint certain
    int_3_next bp software-breakpoint:int certain
    port_next db io-breakpoint:2 certain
    mov_ss_next db data-access:1 certain | tcg-mov-ss-data
    db_handler db single-step likely, data-write:0 likely | tcg-nested-step-data
    step_and_write_next db single-step likely, data-write:0 likely
"""

DEBUG32 = """
    flat_step_next db single-step certain
    flat_write_next db data-write:0 certain
    flat_push_next db data-write:0 certain
    flat_execute db instruction-breakpoint:1 certain
    based_step_next db single-step certain
    based_call_to db single-step certain
    based_write_next db data-write:2 certain
    based_read_next db data-access:3 certain
    based_int_1_next db software-interrupt certain
    based_int3_next bp software-breakpoint certain
    based_far_to db single-step certain
    step16_next db single-step certain
    write16_next db data-write:2 certain
    user_write_next db data-write:0 certain
    user_step_next db single-step certain
    user_push_next db data-write:0 certain
    user_int_1_next db software-interrupt certain
    user_int_behind db single-step certain
    v86_step_next db single-step certain
    v86_write_next db data-write:1 likely  # DS was zeroed on the way to the handler
    v86_push_next db data-write:1 certain
    v86_int3_next bp software-breakpoint certain
    @7.2,8.2 v86_icebp ud exception certain | tcg-icebp-ud
    @10.0 v86_icebp_next db icebp certain
"""

DEBUG64 = """
    step_nop_next db single-step certain
    @7.2,8.2 step_mov_next db single-step certain
    @10.0 step_mov_next db single-step likely
    step_jump_to db single-step certain
    step_call_to db single-step certain
    step_call_next db single-step certain
    step_not_taken_next db single-step certain
    step_cpuid_next db single-step certain
    step_push_next db single-step certain
    chain_2 db single-step certain
    chain_3 db single-step certain
    chain_4 db single-step certain
    chain_4_next db single-step certain
    step_after_iret_next db single-step certain
    @7.2,8.2 step_rep db single-step certain | tcg-rep-rf
    @7.2,8.2 step_rep db single-step certain | tcg-rep-rf
    @10.0 step_rep db single-step certain
    @10.0 step_rep db single-step certain
    @10.0 step_rep db single-step certain | tcg-rep-last
    step_rep_next db single-step certain
    step_rep_next+1 db single-step certain
    step_rep_next+8 db single-step certain
    step_rep_next+9 db single-step certain
    step_rep_none_next db single-step certain
    @8.2 step_shadowed db single-step certain  # BS was set before: it may have come from elsewhere
    @7.2,10.0 step_shadowed_next db single-step certain
    @7.2 step_sti_behind_next db single-step certain | tcg-sti-hides-step
    @8.2,10.0 step_sti_behind db single-step certain
    step_int_behind_next db single-step certain
    step_int3_behind bp software-breakpoint certain
    step_int3_behind_next db single-step certain
    step_ud ud exception certain
    step_ud_behind_next db single-step certain
    step_far_to db single-step certain
    write_1_next db data-write:0 certain
    write_2_next db data-write:1 certain
    write_4_next db data-write:2 certain
    write_8_next db data-write:3 certain
    last_byte_next db data-access:0 certain
    from_below_next db data-access:1 certain
    from_above_next db data-access:2 certain
    byte_of_two_next db data-write:3 certain
    unaligned_next db data-write:1 certain
    unaligned_above_next db data-write:1 likely | tcg-unaligned-data  # hardware: nothing
    two_slots_next db data-write:0 certain | tcg-one-data-hit
    same_place_next db data-access:1 certain | tcg-one-data-hit
    by_xchg_next db data-write:0 certain
    by_cmpxchg_next db data-write:0 certain
    by_xadd_next db data-write:0 certain
    by_fstp_next db data-write:0 certain
    by_movaps_next db data-write:0 certain
    by_bts_next db data-write:0 certain
    by_based_next db data-write:0 certain
    by_load_to_base_next db data-write:0 certain
    by_push_next db data-write:0 certain
    by_call_to db data-write:0 certain
    by_push_memory_next db data-write:0 certain
    by_pop_memory_next db data-write:0 certain
    by_ret_to db data-access:1 likely  # the RET is elsewhere
    by_pop_next db data-access:1 certain
    by_leave_next db data-access:1 likely  # RBP is not what it was
    by_jump_to db data-access:1 likely  # the jump is elsewhere
    @7.2,8.2 by_rep_stos db data-write:2 certain | tcg-rep-rf
    @10.0 by_rep_stos_next db data-write:2 likely
    by_rep_last_next db data-write:2 certain
    by_stos_next db data-write:2 certain
    by_stos_down_next db data-write:2 certain
    by_movs_next db data-access:3 certain
    by_lods_next db data-access:3 certain
    by_scas_next db data-access:3 certain
    by_cmps_next db data-access:3 certain
    by_xlat_next db data-access:3 likely  # AL is not what it was
    by_cmov_next db data-access:3 certain
    by_test_next db data-access:3 certain
    by_lost_base_next db data-access:3 likely  # RBX is not what it was
    by_iret_to db data-access:0 likely  # an IRET can have come from anywhere
    in_loop db instruction-breakpoint:0 certain
    in_loop db instruction-breakpoint:0 certain
    on_ud db instruction-breakpoint:1 certain
    on_ud ud exception certain
    on_int3 db instruction-breakpoint:2 certain
    on_int3+1 bp software-breakpoint certain
    on_rep db instruction-breakpoint:3 certain
    @7.2,8.2 on_rep db instruction-breakpoint:3 certain | tcg-rep-rf
    on_shadowed db instruction-breakpoint:0 certain
    merged_next db single-step certain, instruction-breakpoint:1 certain
    on_handler_to db instruction-breakpoint:2 certain
    plain_handler db instruction-breakpoint:3 certain
    taken_out db instruction-breakpoint:0 certain
    exchanged db instruction-breakpoint:0 certain
    exchanged_write_next db data-write:1 certain
    sticky_step_next db single-step certain
    sticky_step_again_next db single-step certain
    sticky_write_next db data-write:0 certain
    sticky_other_next db data-write:1 certain
    sticky_int_1_next db software-interrupt certain
    sticky_execute db instruction-breakpoint:2 certain
    sticky_step_last_next db single-step certain
    mov_ss_load_next db data-access:1 certain | tcg-mov-ss-data
    mov_ss_int3_behind db data-access:2 certain | tcg-mov-ss-data
    mov_ss_int3_next bp software-breakpoint certain
    port_out_next db io-breakpoint:3 certain
    port_in_next db io-breakpoint:3 certain
    port_step_next db io-breakpoint:3 certain | tcg-io-without-step
    port_ins_next db io-breakpoint:3 certain
    plain_int_1_next db software-interrupt certain
    @7.2,8.2 plain_icebp ud exception certain | tcg-icebp-ud
    @10.0 plain_icebp_next db icebp certain
    step_int_1_next db software-interrupt certain
    @7.2,8.2 step_icebp ud exception certain | tcg-icebp-ud
    @7.2,8.2 step_icebp_next+1 db single-step certain
    @10.0 step_icebp_next db icebp certain
    by_hand_to db unknown possible  # a jump to the handler
    user_write_next db data-write:0 certain
    user_execute db instruction-breakpoint:1 certain
    user_step_next db single-step certain
    user_syscall_next db single-step certain
    user_int_1_next db software-interrupt certain
    user_int3_behind bp software-breakpoint certain
    user_int3_behind_next db single-step certain
    system_call db single-step certain
    db_handler db data-write:0 likely | tcg-nested-step-data
    db_handler db unknown possible
"""
