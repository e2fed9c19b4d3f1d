//! A scene: a device, its tokens and what it has of a run, as a test changes them. Each finding has its test.

mod audience;
mod card;
mod device;
mod push;

use super::*;
use crate::domain::activity::State as ActivityState;
use crate::domain::decide::{Tokens, decide};
use crate::domain::ids::TokenId;
use crate::domain::recipient::{Recipient, Way};
use crate::domain::samples::{
    NOW, activity, at, device, pending_start, present, shard, token, update, wanted,
};
use crate::domain::token::TokenKind;

/// A device named by its contact, with a token to start by, whose run is to be started.
struct Scene {
    activity: Activity,
    device: Device,
    tokens: Vec<Token>,
    roll: Roll,
    segments: HashMap<SegmentKey, String>,
    start: Option<Expansion>,
    is_expanding: bool,
    row: Option<Subscription>,
    shard: Shard,
    wanted: Option<Wanted>,
    last_push: Option<Delivery>,
    started_at: Option<Time>,
    has_credential: bool,
}

impl Scene {
    fn new() -> Self {
        let (activity, device, shard) = (activity(), device("ada"), shard());
        let start_token = Token {
            kind: TokenKind::PushToStart,
            activity_type: activity.activity_type.clone(),
            device: device.key,
            ..token(TokenId::generate())
        };
        let mut scene = Scene {
            row: Some(Subscription { device: device.key, ..pending_start(&shard) }),
            activity,
            device,
            tokens: vec![start_token],
            roll: Roll::default(),
            segments: HashMap::new(),
            start: None,
            is_expanding: false,
            shard,
            wanted: Some(wanted(update(1), Vec::new())),
            last_push: None,
            started_at: None,
            has_credential: true,
        };
        scene.name(Way::Contact("ada".to_owned()));
        scene
    }

    /// The same after the start, with a card that is updated.
    fn active() -> Self {
        let mut scene = Scene::new();
        let card = token(TokenId::generate());
        let mut row = crate::domain::samples::active(&scene.shard);
        row.card.token = Some(card.id);
        row.device = scene.device.key;
        scene.tokens.push(card);
        scene.row = Some(row);
        scene.started_at = Some(at(-600));
        scene
    }

    /// The same where the device has nothing of the run.
    fn without() -> Self {
        Scene { row: None, ..Scene::new() }
    }

    fn name(&mut self, way: Way) {
        let recipient = self.recipient(way.clone());
        self.roll.named.insert(way, recipient);
    }

    fn recipient(&self, way: Way) -> Recipient {
        Recipient {
            activity: self.activity.key,
            run: 1,
            workspace: self.activity.workspace,
            way,
            live: false,
            since: 0,
            as_of: 5,
            followed: 5,
            cursor: String::new(),
        }
    }

    fn row(&mut self) -> &mut Subscription {
        self.row.as_mut().unwrap()
    }

    fn explain(&self) -> Explanation {
        let of_kind = |good: &dyn Fn(&Token) -> bool| self.tokens.iter().find(|t| good(t)).cloned();
        let card = self.row.as_ref().and_then(|row| row.card.token);
        let tokens = Tokens {
            card: of_kind(&|token| Some(token.id) == card),
            start: of_kind(&|token| token.is_good() && token.kind == TokenKind::PushToStart),
            ..Tokens::default()
        };
        let decision = self.row.as_ref().zip(self.wanted.as_ref()).map(|(row, wanted)| {
            decide((row, &self.device), &self.shard, wanted, tokens, present())
        });
        let standing = self.row.as_ref().map(|subscription| Standing {
            subscription,
            shard: &self.shard,
            wanted: self.wanted.as_ref(),
            decision: decision.as_ref(),
        });
        explain(&Case {
            activity: &self.activity,
            device: &self.device,
            tokens: &self.tokens,
            roll: &self.roll,
            segments: &self.segments,
            start: self.start.as_ref(),
            is_expanding: self.is_expanding,
            standing,
            last_push: self.last_push.as_ref(),
            started_at: self.started_at,
            has_credential: self.has_credential,
            now: NOW,
        })
    }

    fn finds(&self, finding: impl Into<Finding>) {
        let (finding, found) = (finding.into(), self.explain());
        assert!(found.findings.contains(&finding), "no {finding:?} in {found:#?}");
        for finding in &found.findings {
            assert!(finding.text(NOW).ends_with('.'), "{}", finding.text(NOW));
            let needs_remedy = finding.weight() == Weight::Obstacle;
            assert!(!needs_remedy || !finding.remedy().is_empty(), "{finding:?}");
        }
    }

    fn does_not_find(&self, unwanted: impl Fn(&Finding) -> bool) {
        let found = self.explain();
        assert!(!found.findings.iter().any(unwanted), "{found:#?}");
    }

    fn now(&self) -> String {
        self.explain().now.text(NOW)
    }
}

#[test]
fn what_matters_most_comes_first() {
    let mut scene = Scene::active();
    scene.has_credential = false;
    scene.device.last_seen_at = at(-8 * 24 * 3_600);
    let weights: Vec<Weight> = scene.explain().findings.iter().map(Finding::weight).collect();
    assert!(weights.is_sorted(), "{weights:?}");
    assert_eq!(weights[0], Weight::Obstacle);
    assert!(weights.contains(&Weight::Doubt) && weights.contains(&Weight::Fact));
}

#[test]
fn a_run_says_whether_it_is_current_over_found_and_marked() {
    let mut activity = activity();
    assert!(explain_run(&activity, 1, false).is_empty());
    (activity.run, activity.revision) = (2, 9);
    (activity.state, activity.ended_at) = (ActivityState::Ended, Some(at(-60)));
    let past = RunFinding::NotCurrent { run: 1, current: 2 };
    assert_eq!(explain_run(&activity, 1, false), [Finding::Run(past)]);
    let present = [
        RunFinding::Ended(at(-60)),
        RunFinding::AudienceExpanding,
        RunFinding::RevisionNotMarked(9),
    ];
    let found = explain_run(&activity, 2, true);
    assert_eq!(found, present.map(Finding::Run));
    activity.state = ActivityState::Expired;
    let expired = explain_run(&activity, 2, false).swap_remove(0);
    assert_eq!(expired, Finding::Run(RunFinding::Expired(at(-60))));
    (activity.state, activity.started_at) = (ActivityState::Scheduled, at(60));
    let scheduled = Finding::Run(RunFinding::Scheduled(at(60)));
    assert_eq!(explain_run(&activity, 2, false), std::slice::from_ref(&scheduled));
    for finding in found.into_iter().chain([expired, scheduled]) {
        assert!(finding.text(NOW).ends_with('.') && finding.remedy().is_empty());
    }
}
