//! Every fact of the store, written so that the same suite runs on any database. A fact takes a world with an empty,
//! migrated store; `facts!` makes a test of it for each database.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a fact may fail loudly; it is a function outside of its #[test]"
)]

mod activities;
mod audiences;
mod channels;
#[path = "../databases/mod.rs"]
mod databases;
mod deletions;
mod deliveries;
mod leases;
mod log;
mod progress;
mod provider_tokens;
mod recipients;
mod requests;
mod schema;
mod segments;
mod shards;
mod subscriptions;
mod tenants;
#[cfg(feature = "postgres-tests")]
mod together;
mod tokens;
mod world;

macro_rules! facts {
    ($($module:ident { $($fact:ident),+ $(,)? })+) => {
        mod sqlite {
            $(
                mod $module {
                    $(
                        #[tokio::test]
                        async fn $fact() {
                            crate::$module::$fact(crate::world::World::sqlite().await).await;
                        }
                    )+
                }
            )+
        }

        #[cfg(feature = "postgres-tests")]
        mod postgres {
            $(
                mod $module {
                    $(
                        #[tokio::test]
                        async fn $fact() {
                            crate::$module::$fact(crate::world::World::postgres().await).await;
                        }
                    )+
                }
            )+
        }
    };
}

facts! {
    activities {
        every_field_of_an_activity_comes_back,
        every_field_of_a_revision_comes_back,
        an_activity_is_found_in_its_own_workspace_alone,
        activities_are_listed_newest_first_in_pages_and_filtered,
        activities_behind_their_marks_are_found,
        revisions_are_found_by_number_run_and_scope,
        an_observation_is_that_of_the_very_same_target,
        only_live_alerts_are_found_newest_first,
        an_expansion_is_pending_until_it_is_done,
    }
    audiences {
        pages_of_contacts_hold_every_device_once,
        pages_go_by_device_ids_and_by_all_devices,
        only_the_apps_of_an_audience_are_in_it,
        of_a_contact_the_latest_device_that_can_show_it_is_taken,
        of_a_contact_of_very_many_devices_one_is_the_latest,
        a_candidate_brings_its_newest_good_push_to_start_token,
    }
    channels {
        every_field_of_a_channel_comes_back,
        one_process_asks_apple_about_a_channel,
        what_only_apple_has_is_found_unless_it_may_be_ours,
    }
    deletions {
        deleted_runs_are_removed_in_batches_and_nothing_else,
        an_activity_with_deleted_runs_is_found_until_it_is_purged,
    }
    leases {
        a_due_shard_is_claimed_once_until_its_lease_is_over,
        a_newer_claim_fences_an_older_one_off,
        a_renewed_lease_holds_and_a_released_one_is_free,
        a_renewal_after_the_release_leaves_the_shard_free,
        a_replica_claims_anew_what_it_does_not_know_that_it_has,
        a_replica_does_not_claim_again_what_it_is_busy_with,
        what_a_shard_is_written_with_leaves_its_lease_alone,
        claims_at_the_same_time_share_the_shards_out,
        the_present_is_told_by_the_database_or_by_the_only_process,
    }
    deliveries {
        every_field_of_a_delivery_comes_back,
        every_filter_and_every_pair_of_filters_finds_what_fits,
        pages_in_both_orders_stay_the_same_while_rows_are_added,
        a_page_looks_at_no_more_rows_than_its_bound,
        every_delivery_is_counted_once_by_run_and_by_time,
    }
    log {
        events_are_kept_in_the_order_of_their_commits,
        thousands_of_rows_are_written_in_one_change,
    }
    progress {
        every_subscription_is_counted_once_for_what_it_is,
        a_run_without_subscriptions_has_no_routes,
    }
    provider_tokens {
        every_field_of_a_provider_token_comes_back,
        those_who_ask_at_once_get_the_same_provider_token,
        a_provider_token_outlives_who_signed_it_and_is_replaced_when_it_is_due,
        another_key_has_a_provider_token_of_its_own,
    }
    recipients {
        a_device_belongs_by_contact_by_id_by_segment_or_by_workspace,
        recipients_are_known_removed_and_no_longer_live_after_the_end,
        live_runs_are_found_by_what_a_device_is_named_by,
        a_live_segment_is_behind_until_its_changes_were_followed,
        arrivals_are_seen_once_unless_they_come_again,
    }
    requests {
        a_request_id_is_new_once_and_then_replays,
        a_request_id_of_another_request_is_refused,
        a_request_id_is_forgotten_after_a_day,
        a_failed_write_leaves_its_request_id_free,
        the_mark_of_the_clock_and_the_fingerprint_key_are_kept,
    }
    schema {
        migrations_are_applied_once_and_by_name,
        a_fresh_database_says_what_is_pending,
    }
    segments {
        every_field_of_a_segment_comes_back,
        members_are_added_once_removed_and_added_again,
        members_are_listed_in_order_in_pages,
        pages_of_a_segment_hold_every_device_once,
        a_page_of_a_segment_is_bounded_whatever_a_contact_has,
        a_fixed_audience_has_the_members_of_its_version,
        what_has_changed_is_gone_through_in_the_order_of_versions,
        a_deleted_segment_leaves_its_name_free_and_is_swept_away,
        former_members_are_forgotten_when_nobody_asks_for_them,
    }
    shards {
        every_field_of_a_shard_comes_back,
        shards_come_due_in_order_without_those_taken,
        a_mark_raises_what_is_wanted_and_never_delays,
        a_change_brings_a_shard_forward_and_never_delays,
        a_shard_behind_that_nothing_wakes_is_found,
        a_place_has_room_until_its_shard_is_full,
    }
    subscriptions {
        every_field_of_a_subscription_comes_back,
        a_device_has_one_subscription_per_run,
        subscriptions_are_found_by_device_run_and_card,
        members_come_with_device_and_tokens_in_pages,
        a_member_that_asks_for_a_notification_brings_its_newest_good_token_for_one,
        exceptions_are_those_that_need_something_of_their_own,
        a_target_selects_what_fits_every_kind_of_selector,
        subscriptions_are_listed_with_device_and_shard,
    }
    tenants {
        workspaces_have_names_of_their_own,
        an_android_app_and_its_service_account_are_read_back,
        apps_have_bundle_ids_of_their_own_in_a_workspace,
        what_is_in_use_is_not_deleted,
        the_newest_credential_for_a_world_signs,
        that_a_credential_fails_is_noted_once_until_it_works_again,
        api_keys_are_found_by_id_and_listed_by_workspace,
        activity_types_are_put_listed_and_deleted,
        no_tenant_sees_another,
    }
    tokens {
        every_field_of_a_device_comes_back,
        devices_are_listed_in_pages_and_filtered,
        a_deleted_device_is_found_by_its_key_alone_until_it_is_removed,
        every_field_of_a_token_comes_back,
        a_token_is_found_by_fingerprint_in_its_workspace_and_app,
        a_fingerprint_is_one_token,
        an_installation_id_goes_before_a_newer_fcm_token,
        the_newest_good_push_to_start_token_is_found,
    }
}
