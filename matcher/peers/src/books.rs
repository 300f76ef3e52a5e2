//! The same orders through clearing at once and through each of the other books one by one: seconds and lots traded.

use matcher::SealedOrder;
use orderbook_rs::{Id, TimeInForce};
use protocol::Side;

use crate::draw::Drawn;
use crate::timing::{self, timed};

/// Name, processor seconds, lots that traded.
pub type Run = (&'static str, f64, u64);

/// This market.
pub fn ours(orders: &[SealedOrder]) -> [Run; 3] {
    let (steps, _, clearing) = timing::steps(orders, 1);
    let lots = clearing.pairs.iter().map(|pair| u64::from(pair.lots)).sum();
    [
        ("this market: winners and prices", steps.decide(), lots),
        ("this market: the whole clearing", steps.clear(), lots),
        ("this market: seal and clear", steps.seal + steps.clear(), lots),
    ]
}

/// The continuous books.
pub fn others(orders: &[Drawn]) -> [Run; 3] {
    [matchcore(orders), lobster(orders), orderbook(orders)]
}

fn matchcore(orders: &[Drawn]) -> Run {
    use matchcore::*;
    let command = |(number, order): (usize, &Drawn)| {
        let side = if order.side == protocol::Side::Ask { Side::Sell } else { Side::Buy };
        let quantity_policy = QuantityPolicy::Standard { quantity: Quantity(order.lots.into()) };
        let flags = OrderFlags::new(side, false, TimeInForce::Gtc);
        let limit = LimitOrder::new(Price(order.price), quantity_policy, flags);
        let number = number as u64;
        let meta = CommandMeta { sequence_number: SequenceNumber(number), timestamp: Timestamp(number) };
        Command { meta, kind: CommandKind::Submit(SubmitCmd { order: NewOrder::Limit(limit) }) }
    };
    let commands: Vec<Command> = orders.iter().enumerate().map(command).collect();
    let mut book = OrderBook::new("LOTS");
    let (lots, seconds) = timed(|| {
        let mut lots = 0;
        for command in &commands {
            let CommandOutcome::Applied(CommandReport::Submit(effects)) = book.execute(command) else {
                panic!("a good order is refused")
            };
            lots += effects.target_order().match_result().map_or(0, |met| met.executed_quantity().0);
        }
        lots
    });
    ("matchcore 0.4.0", seconds, lots)
}

fn lobster(orders: &[Drawn]) -> Run {
    use lobster::{OrderBook, OrderEvent, OrderType, Side};
    let limit = |(number, order): (usize, &Drawn)| OrderType::Limit {
        id: number as u128,
        side: if order.side == protocol::Side::Ask { Side::Ask } else { Side::Bid },
        qty: order.lots.into(),
        price: order.price,
    };
    let limits: Vec<OrderType> = orders.iter().enumerate().map(limit).collect();
    let mut book = OrderBook::default();
    let (lots, seconds) = timed(|| {
        let mut lots = 0;
        for limit in &limits {
            if let OrderEvent::PartiallyFilled { filled_qty, .. } | OrderEvent::Filled { filled_qty, .. } =
                book.execute(*limit)
            {
                lots += filled_qty;
            }
        }
        lots
    });
    ("lobster 0.7.0", seconds, lots)
}

fn orderbook(orders: &[Drawn]) -> Run {
    let book: orderbook_rs::DefaultOrderBook = orderbook_rs::DefaultOrderBook::new("LOTS");
    let (lots, seconds) = timed(|| {
        let mut lots = 0;
        for (number, order) in orders.iter().enumerate() {
            let side = if order.side == Side::Ask { orderbook_rs::Side::Sell } else { orderbook_rs::Side::Buy };
            let (id, lots_max) = (Id::from_u64(number as u64 + 1), order.lots.into());
            let price = order.price.into();
            let done = book.add_limit_order_with_result(id, price, lots_max, side, TimeInForce::Gtc, None);
            let (_, trades) = done.expect("a good order");
            lots += trades.map_or(0, |trades| trades.match_result.executed_quantity().expect("within bounds").as_u64());
        }
        lots
    });
    ("orderbook-rs 0.15.3", seconds, lots)
}
