//! Every word under the field names of its type string, as `eth_signTypedData_v4` takes it. Integers of more than 32
//! bits are decimal strings, because JavaScript's numbers end at 53.

use protocol::{
    Acknowledgement, Cancel, DealEnd, DealTerms, Delegation, Limits, Metering, Order, OrderRef, Parameters, Receipt,
    Task, TaskFile,
};
use serde_json::{Value, json};

fn big(value: impl Into<u128>) -> Value {
    Value::String(value.into().to_string())
}

pub fn market(of: &Parameters) -> Value {
    json!({
        "name": of.name,
        "protocolVersion": of.protocol_version,
        "chainId": big(of.chain_id),
        "verifyingContract": of.contract,
        "epochMs": of.epoch_ms,
        "guardMs": of.guard_ms,
        "clockToleranceMs": of.clock_tolerance_ms,
        "orderLifeMax": of.order_life_max_s,
        "slotsPerOwner": of.slots_per_owner,
        "slotsPerOwnerMax": of.slots_per_owner_max,
        "stakePerSlot": big(of.stake_per_slot),
        "headsMax": of.heads_max,
        "minBilledMax": of.billed_min_max_s,
        "openWindow": of.open_window_s,
        "heartbeatMs": of.heartbeat_ms,
        "heartbeatsMissed": of.heartbeats_missed,
        "billingPeriod": of.billing_period_s,
        "priceTolerancePpm": of.price_tolerance_ppm,
        "checkpointDepth": of.checkpoint_depth,
        "capacityTable": of.capacity_table,
        "salt": of.salt,
    })
}

pub fn order(of: &Order) -> Value {
    let score = |score: &protocol::Score| json!({ "metric": score.metric, "value": big(score.value) });
    json!({
        "side": of.side as u8,
        "owner": of.owner,
        "slot": of.slot,
        "version": big(of.version),
        "capacity": of.capacity.scores().iter().map(score).collect::<Vec<_>>(),
        "lots": of.lots,
        "pricePerLotSecond": big(of.price.0),
        "minDuration": of.duration_min_s,
        "maxDuration": of.duration_max_s,
        "minBilled": of.billed_min_s,
        "fromEpoch": big(of.from_epoch),
        "expiryEpoch": big(of.expiry_epoch),
        "counterparty": of.counterparty,
        "excluded": of.excluded,
        "minIdentity": of.identity_min as u8,
        "flags": of.flags.0,
        "tag": of.tag,
    })
}

pub fn cancel(of: &Cancel) -> Value {
    json!({
        "owner": of.owner,
        "slot": of.slot,
        "version": big(of.version),
        "fromEpoch": big(of.from_epoch),
        "expiryEpoch": big(of.expiry_epoch),
    })
}

pub fn delegation(of: &Delegation) -> Value {
    json!({
        "owner": of.owner,
        "delegate": of.delegate,
        "scope": of.scope.0,
        "notBefore": big(of.not_before),
        "notAfter": big(of.not_after),
        "marketId": of.market,
    })
}

fn order_ref(of: &OrderRef) -> Value {
    json!({
        "id": of.id,
        "owner": of.owner,
        "slot": of.slot,
        "version": big(of.version),
        "firstLot": of.first_lot,
        "lots": of.lots,
    })
}

pub fn deal_terms(of: &DealTerms) -> Value {
    json!({
        "ask": order_ref(&of.ask),
        "bid": order_ref(&of.bid),
        "pricePerLotSecond": big(of.price.0),
        "duration": of.duration_s,
        "minBilled": of.billed_min_s,
        "epoch": big(of.epoch),
        "sealedRoot": of.sealed_root,
        "openBefore": big(of.open_before),
    })
}

pub fn deal_end(of: &DealEnd) -> Value {
    json!({ "deal": of.deal, "cause": of.cause as u8, "elapsed": big(of.elapsed_s) })
}

pub fn acknowledgement(of: &Acknowledgement) -> Value {
    json!({ "deal": of.deal, "elapsed": big(of.elapsed_s) })
}

fn file(of: &TaskFile) -> Value {
    json!({ "path": of.path, "content": of.content, "size": big(of.size) })
}

fn files(of: &[TaskFile]) -> Value {
    of.iter().map(file).collect()
}

fn limits(of: &Limits) -> Value {
    json!({ "gas": big(of.gas), "memory": big(of.memory), "output": big(of.output), "wallMs": big(of.wall_ms) })
}

fn metering(of: &Metering) -> Value {
    json!({ "name": of.name, "version": of.version, "costTable": of.cost_table })
}

pub fn task(of: &Task) -> Value {
    let variable = |(name, value): &(String, String)| json!({ "name": name, "value": value });
    json!({
        "deal": of.deal,
        "number": big(of.number),
        "kind": of.kind as u8,
        "program": of.program,
        "arguments": of.arguments,
        "environment": of.environment.iter().map(variable).collect::<Vec<_>>(),
        "inputs": files(&of.inputs),
        "outputs": of.outputs,
        "limits": limits(&of.limits),
        "metering": metering(&of.metering),
        "seed": of.seed,
    })
}

pub fn receipt(of: &Receipt) -> Value {
    json!({
        "deal": of.deal,
        "task": of.task,
        "program": of.program,
        "arguments": of.arguments,
        "inputs": of.inputs,
        "outputs": files(&of.outputs),
        "stdout": file(&of.stdout),
        "stderr": file(&of.stderr),
        "outcome": of.outcome as u8,
        "code": of.code,
        "gas": big(of.gas),
        "gasLimit": big(of.gas_limit),
        "metering": metering(&of.metering),
        "wallMs": big(of.wall_ms),
    })
}
