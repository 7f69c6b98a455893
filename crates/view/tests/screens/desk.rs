//! The window has what the desk thinks it has.

use std::collections::BTreeMap;

use binnacle_model::fact::CheckStatus;
use binnacle_view::contract::services::{ServiceRow, ServicesHead};
use binnacle_view::contract::view::PullArgs;
use binnacle_view::contract::{Patch, ViewPatch, ViewRequest};
use binnacle_view::desk::Desk;
use binnacle_view::screen::services;
use proptest::prelude::*;

use super::fleet::{Fleet, shop};

/// The other side: applies patches as the window does.
#[derive(Default)]
struct Window {
    revision: Option<u32>,
    head: Option<ServicesHead>,
    rows: Vec<ServiceRow>,
    fulls: usize,
}

impl Window {
    fn pull(&mut self, desk: &mut Desk, fleet: &Fleet, revision: u32) {
        let args = PullArgs { request: ViewRequest::Services, since: self.revision };
        let ViewPatch::Services(patch) = desk.pull(&fleet.scene(), revision, args) else { panic!("another view") };
        match patch {
            Patch::Full { revision, head, rows } => {
                *self = Self { revision: Some(revision), head: Some(head), rows, fulls: self.fulls + 1 };
            }
            Patch::Delta { since, revision, head, put, removed, order } => {
                assert_eq!(self.revision, Some(since));
                self.revision = Some(revision);
                self.head = head.or(self.head.take());
                self.rows.retain(|row| !removed.contains(&row.key));
                for row in put {
                    match self.rows.iter_mut().find(|held| held.key == row.key) {
                        Some(held) => *held = row,
                        None => self.rows.push(row),
                    }
                }
                if let Some(order) = order {
                    let place: BTreeMap<String, usize> =
                        order.into_iter().enumerate().map(|(at, key)| (key, at)).collect();
                    self.rows.sort_by_key(|row| place[&row.key]);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn patches_lead_to_what_the_screen_shows(steps in proptest::collection::vec((0..6_u8, 0..5_u8), 1..20)) {
        let mut fleet = shop();
        let (mut desk, mut window) = (Desk::default(), Window::default());
        for (revision, (service, status)) in (1..).zip(steps) {
            let name = format!("s{service}");
            let status = [CheckStatus::Passing, CheckStatus::Warning, CheckStatus::Critical, CheckStatus::Maintenance, CheckStatus::Unknown]
                [usize::from(status)];
            fleet.instance(&name, 10 + service, "t").check(&name, 10 + service, status, "so");
            window.pull(&mut desk, &fleet, revision);
            let shown = services::table(&fleet.snapshot());
            prop_assert_eq!(window.head.as_ref(), Some(&shown.head));
            prop_assert_eq!(&window.rows, &shown.rows);
        }
        prop_assert_eq!(window.fulls, 1, "only the first answer is everything");
    }
}

#[test]
fn a_gap_is_answered_with_everything() {
    let fleet = shop();
    let (mut desk, mut window) = (Desk::default(), Window::default());
    window.pull(&mut desk, &fleet, 1);
    window.revision = Some(77);
    window.pull(&mut desk, &fleet, 2);
    assert_eq!((window.fulls, window.revision), (2, Some(2)));
}

#[test]
fn nothing_new_is_an_empty_patch() {
    let fleet = shop();
    let mut desk = Desk::default();
    let pull = |desk: &mut Desk, since| desk.pull(&fleet.scene(), 5, PullArgs { request: ViewRequest::Health, since });
    pull(&mut desk, None);
    let ViewPatch::Health(Patch::Delta { head, put, removed, order, .. }) = pull(&mut desk, Some(5)) else { panic!() };
    assert!(head.is_none() && put.is_empty() && removed.is_empty() && order.is_none());
}
