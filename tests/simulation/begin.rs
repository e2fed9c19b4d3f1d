//! How a world begins, and how long it lasts.

use crate::caller::Caller;
use crate::check::History;
use crate::database::{BEGIN, Database};
use crate::random::Random;
use crate::world::{Budget, Device, Rows, World};
use anyhow::Result;
use std::collections::HashMap;
use tidings::clock::Clock;
use tidings::domain::ids::DeviceKey;
use tidings::domain::revision::Run;

impl<'a> World<'a> {
    /// The world of a seed, with its devices registered.
    pub(crate) async fn begin(database: &'a Database, seed: u64, attempt: u64) -> Result<Self> {
        let mut random = Random::new(seed);
        let clock = Clock::manual(BEGIN);
        let mark = database.reset_mark().await?;
        let budget = budget(&mut random);
        let runs_max = Run::from(random.percent(40)) + 1;
        let devices = 1 + random.below(4);
        let mut world = World {
            database,
            seed,
            names_run: budget.is_faulty() || runs_max > 1 || random.percent(50),
            budget,
            tick_weight: random.pick(&[1, 4]),
            slice: 1 + random.below(3),
            service: database.service(clock.clone()),
            clock,
            process_start_s: BEGIN.seconds(),
            mark,
            key: None,
            devices: Vec::new(),
            cards: Vec::new(),
            tokens: HashMap::new(),
            caller: Caller {
                calls: u8::try_from(2 + random.below(6))?,
                runs_max,
                by_contact: random.percent(50),
                asked: Vec::new(),
                latest: None,
            },
            claims: Vec::new(),
            pushes: Vec::new(),
            expanding: Vec::new(),
            rows: Rows::default(),
            has_written: false,
            history: History::new(attempt),
            trace: Vec::new(),
            random,
        };
        for index in 0..devices {
            world.add_device(index).await?;
        }
        Ok(world)
    }

    /// Steps at random, then rest.
    pub(crate) async fn run(&mut self) -> Result<()> {
        let steps = 20 + self.random.below(60);
        for _ in 0..steps {
            self.step().await?;
        }
        self.come_to_rest().await
    }

    async fn add_device(&mut self, index: usize) -> Result<()> {
        let id = format!("{}-{index}", self.activity_id());
        let os = self.random.pick(&[(17, 4), (18, 2), (18, 2)]);
        let kind = self.random.below(10);
        self.devices.push(Device {
            id: id.clone(),
            key: DeviceKey::generate(),
            contact: String::new(),
            os: if kind == 9 { (16, 4) } else { os },
            start_token: (kind < 6).then_some((0, None)),
            start_rotated_at: self.now(),
            left: false,
        });
        self.register_device(index, format!("contact-{id}")).await?;
        if self.random.percent(70) {
            self.report_notification_token(index).await?;
        }
        if kind < 5 {
            self.report_start_token(index).await?;
        }
        if (6..9).contains(&kind) {
            // The app has started the activity itself, before anyone else.
            self.open_by_app(index);
        }
        Ok(())
    }
}

impl Budget {
    fn is_faulty(&self) -> bool {
        self.crashes + self.losses + self.slow + self.doubles + self.app_starts > 0
    }
}

/// Calm worlds, worlds with one kind of fault, and worlds with several.
fn budget(random: &mut Random) -> Budget {
    let mut budget = Budget::default();
    for _ in 0..random.pick(&[0, 1, 1, 2, 2, 3, 5]) {
        match random.below(9) {
            0 => budget.crashes += 1,
            1 => budget.losses += 1,
            2 => budget.slow += 1,
            3 => budget.refusals += 1,
            4 => budget.rotations += 1,
            5 => budget.dismissals += 1,
            6 => budget.doubles += 1,
            7 => budget.app_starts += 1,
            _ => budget.contacts += 1,
        }
    }
    // A subscription knows two cards. A start that may be repeated, a start taken twice and a card of the app's own are
    // two reasons for a second card; two of them would make a third.
    if budget.doubles + budget.app_starts > 0 {
        (budget.crashes, budget.losses) = (0, 0);
        budget.app_starts = u8::from(budget.doubles == 0);
        budget.doubles = 1 - budget.app_starts;
    }
    budget
}
