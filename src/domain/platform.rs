//! The two kinds of phones, and what makes an app one of either: who its messages go to and how the app reads them.
//!
//! May import nothing. A platform is fixed when an app is created, and its devices have no other.

/// An operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// iOS and iPadOS.
    Ios,
    /// Android.
    Android,
}

/// What an app is to the provider that its pushes go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Build {
    /// Pushes go to a topic that the bundle id makes.
    Ios {
        /// Such as `com.example.flights`.
        bundle_id: String,
    },
    /// Pushes go through a Firebase project.
    Android {
        /// Such as `com.example.flights`.
        package_name: String,
        /// The project's id.
        fcm_project_id: String,
        /// The names under which the app reads them.
        fcm_data_keys: DataKeys,
    },
}

/// The names of the keys in the data of an FCM message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DataKeys {
    #[default]
    /// Ours, all that there is to say.
    Tidings,
    /// Sendora's three, for an app that reads them already.
    Sendora,
}

impl Platform {
    /// The word that people and targets use.
    pub fn word(self) -> &'static str {
        match self {
            Platform::Ios => "IOS",
            Platform::Android => "ANDROID",
        }
    }
}

impl Build {
    /// The platform that it is for.
    pub fn platform(&self) -> Platform {
        match self {
            Build::Ios { .. } => Platform::Ios,
            Build::Android { .. } => Platform::Android,
        }
    }

    /// What tells the app from the workspace's others of its platform: its bundle id or package name.
    pub fn id(&self) -> &str {
        match self {
            Build::Ios { bundle_id } => bundle_id,
            Build::Android { package_name, .. } => package_name,
        }
    }

    /// The same build with other names of its keys; an iOS app has none.
    #[must_use]
    pub fn with_data_keys(mut self, keys: DataKeys) -> Self {
        if let Build::Android { fcm_data_keys, .. } = &mut self {
            *fcm_data_keys = keys;
        }
        self
    }
}
