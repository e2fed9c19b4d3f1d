//! The names of the fields that FCM knows; any other is refused.
//! <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages>
//!
//! Imports nothing.

/// One of these says for whom a message is.
pub(super) const TARGETS: [&str; 4] = ["token", "fid", "topic", "condition"];
/// Of a message.
pub(super) const MESSAGE: [&str; 12] = [
    "name",
    "data",
    "notification",
    "android",
    "android_v2",
    "webpush",
    "apns",
    "fcm_options",
    "token",
    "fid",
    "topic",
    "condition",
];
/// Of a notification for every system.
pub(super) const NOTIFICATION: [&str; 3] = ["title", "body", "image"];
/// Of what is for Android.
pub(super) const ANDROID: [&str; 10] = [
    "collapse_key",
    "priority",
    "ttl",
    "restricted_package_name",
    "data",
    "notification",
    "fcm_options",
    "direct_boot_ok",
    "bandwidth_constrained_ok",
    "restricted_satellite_ok",
];
/// Of the newer form of the same.
pub(super) const ANDROID_V2: [&str; 10] = [
    "remote_notification",
    "background_sync",
    "collapse_key",
    "ttl",
    "data",
    "direct_boot_ok",
    "bandwidth_constrained_ok",
    "restricted_satellite_ok",
    "restricted_package_name",
    "fcm_options",
];
/// Of a message that shows something, in the newer form.
pub(super) const REMOTE_NOTIFICATION: [&str; 3] =
    ["notification", "mutable_content", "use_as_v1_data_message"];
/// Of a notification for Android.
pub(super) const ANDROID_NOTIFICATION: [&str; 30] = [
    "title",
    "body",
    "icon",
    "color",
    "sound",
    "tag",
    "id",
    "click_action",
    "body_loc_key",
    "body_loc_args",
    "title_loc_key",
    "title_loc_args",
    "channel_id",
    "ticker",
    "sticky",
    "event_time",
    "local_only",
    "notification_priority",
    "default_sound",
    "default_vibrate_timings",
    "default_light_settings",
    "vibrate_timings",
    "visibility",
    "notification_count",
    "light_settings",
    "image",
    "proxy",
    "bypass_proxy_notification",
    "subtext",
    "group",
];
