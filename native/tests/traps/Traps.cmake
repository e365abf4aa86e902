# The cures of lwIP's known traps, each with the tests that must fail without it. trap.sh builds and runs the variants.
set(traps
  "FRAG_COPYHEADER incomplete_datagrams_time_out"
  "SANITY build"
  "LINGER linger_outlives_the_limit_of_last_ack"
  # A flow's own linger, or an MSL that is long enough for what is in flight: either helps here.
  "MSL+LINGER last_ack_survives_loss"
  "TIME_WAIT_SYN syn_on_a_time_wait_tuple_opens_anew"
  "SILENT_FREE silent_frees_leave_no_dangling_flow abort_in_time_wait_is_silent closed_reader_and_fin_free_the_flow"
  "CLOSE close_sends_fin_after_everything_was_read"
  "TCP_OPTIONS drop_malformed_tcp_options"
  "EXTENSIONS drop_ipv6_extension_headers"
  "LATE_MSS late_mss_options_change_nothing"
  "TINY_MSS tiny_mss_is_raised"
  # Without over-allocated segments, or with a limit that only grows: either is enough against this one.
  "OVERSIZE+ZERO_WINDOW write_to_a_blocked_segment_trips_no_assertion"
  "ZERO_WINDOW window_from_zero_trips_no_assertion"
  "WINDOW_EDGE data_beyond_the_window_trips_no_assertion"
  "STRAY_FIN data_across_a_fin_trips_no_assertion"
  "PARTIAL_ACK a_segment_acknowledged_in_part_does_not_stick_behind_a_small_window"
  "PERSIST persist_timer_of_an_emptied_queue_is_harmless"
  "ISN isns_of_other_tuples_tell_nothing isn_depends_on_the_secret"
  "ACK_RANGE data_with_an_impossible_ack_is_refused"
  "ACCEPTANCE acknowledgments_outside_the_window_are_not_taken"
  "RATE_LIMIT challenge_acks_are_rate_limited icmp_errors_are_rate_limited echo_replies_are_rate_limited"
  "PENDING_CAP pending_caps_hold proven_sources_have_places_of_their_own"
  # The caps, or the share of those that nobody knows: either holds a flood.
  "PENDING_CAP+PROVEN_SOURCE syn_flood_stays_under_the_caps"
  "HALF_OPEN_CAP half_open_cap_holds"
  "PROVEN_SOURCE proven_sources_have_places_of_their_own syn_flood_stays_under_the_caps"
  "BUDGET byte_budget_is_hard"
  "RESERVE budget_full_of_payload_lets_it_leave"
  "OOSEQ_LIMIT out_of_order_crumbs_stay_under_the_cap"
  "REASSEMBLY_LIMIT reassembly_stays_under_its_cap tiny_fragments_stay_under_the_cap"
  "OVERLAP overlapping_fragments_end_their_datagram"
  "UDP6_CHECKSUM udp_over_ipv6_needs_a_checksum"
  "WINDOW_UPDATE window_of_16k_reopens_at_once window_of_64k_reopens_at_once"
  "BATCH_ACK batch_is_acknowledged_at_once"
  "RECOVERY losses_are_recovered_with_sack losses_are_recovered_without_sack retransmission_timer_follows_the_round_trip_and_doubles sack_repeats_the_lost_segments_only"
  "KEEP_ORDER bytes_written_during_recovery_come_behind_all_others a_fin_during_recovery_comes_behind_all_bytes bytes_written_while_a_repetition_finds_no_room_come_behind_all_others"
  "SMALL_SEGMENTS one_byte_segments_stay_under_the_cap")

file(GENERATE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/trap-objects.txt"
  CONTENT "$<JOIN:$<TARGET_OBJECTS:tunflow_abi_test_objects>,\n>\n")

function(tunflow_add_trap name)
  add_test(NAME native.trap.${name}
    COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/traps/trap.sh" ${name} "${CMAKE_CURRENT_BINARY_DIR}/trap-objects.txt"
            "${TUNFLOW_LWIP_DIR}" "${TUNFLOW_NATIVE_DIR}" "${CMAKE_CURRENT_BINARY_DIR}/trap-${name}" "${CMAKE_C_COMPILER}" ${ARGN})
  set_tests_properties(native.trap.${name} PROPERTIES TIMEOUT 600)
endfunction()

set(all_tests "")
foreach(trap ${traps})
  separate_arguments(words UNIX_COMMAND "${trap}")
  list(POP_FRONT words trap_name)
  tunflow_add_trap(${trap_name} ${words})
  list(APPEND all_tests ${words})
endforeach()
list(REMOVE_ITEM all_tests build)
tunflow_add_trap(none ${all_tests})
