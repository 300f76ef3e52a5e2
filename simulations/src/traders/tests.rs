//! Users by the numbers: how often, how much, and what they take back.

use super::*;

fn habits(change: impl FnOnce(&mut Traders)) -> Arc<Habits> {
    let mut traders = Traders::default();
    change(&mut traders);
    Arc::new(Habits::new(&traders, 10))
}

fn trader(habits: &Arc<Habits>, side: Side) -> Trader {
    Trader::new(habits.clone(), side, Random::new(4, 4))
}

#[test]
fn orders_come_at_the_rate_that_the_scenario_says() {
    let habits = habits(|traders| traders.orders_per_s = 20.0);
    let (mut trader, mut now, mut plans) = (trader(&habits, Side::Ask), 0, Plans::new());
    trader.begin(now, &mut plans);
    while now < 5_000 * SECOND {
        let (at, errand) = plans.pop().expect("it goes on");
        now = at;
        let input = trader.run(errand, (now, true), &mut plans).expect("it places");
        let Input::Place { user, draft } = input else { panic!("{input:?}") };
        assert_eq!(draft.side, Side::Ask);
        trader.on_answer(user, Err(Refused::Busy), now, &mut Plans::new());
    }
    assert!((9_600..10_400).contains(&trader.asked), "{} in 5,000 s at 2 a second", trader.asked);
}

#[test]
fn whoever_spent_the_budget_bids_no_more_and_whoever_is_down_asks_nothing() {
    let habits = habits(|traders| traders.budget = 1);
    let mut trader = trader(&habits, Side::Bid);
    let place = |trader: &mut Trader, is_up| trader.run(Errand::Place, (0, is_up), &mut Plans::new());
    assert!(place(&mut trader, false).is_none());
    assert!(place(&mut trader, true).is_some());
    trader.spent = 1;
    assert!(place(&mut trader, true).is_none());
}

#[test]
fn a_placed_order_is_withdrawn_within_its_life_if_chance_says_so() {
    for (percent, expected) in [(0.0, 0), (100.0, 1)] {
        let habits = habits(|traders| traders.withdrawn_percent = percent);
        let (mut trader, mut plans) = (trader(&habits, Side::Bid), Plans::new());
        let Some(Input::Place { user, .. }) = trader.run(Errand::Place, (0, true), &mut Plans::new()) else { panic!() };
        let placed = Answer::Placed { id: Hash([1; 32]), slot: 3, version: 1, from_epoch: 1 };
        trader.on_answer(user, Ok(placed), SECOND, &mut plans);
        assert_eq!(plans.len(), expected);
        assert!(
            plans
                .iter()
                .all(|(at, errand)| (SECOND..61 * SECOND).contains(at) && *errand == Errand::Withdraw(Hash([1; 32])))
        );
        assert_eq!(trader.open.get(&3), Some(&0));
    }
}
