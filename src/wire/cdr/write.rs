//! The native CDR as the intake writes it.

use jiff::Timestamp;

use super::{NUMBER_BYTES_MAX, Rejected};
use crate::core::cdr::{ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, CALL_ID_BYTES_MAX, CallTimes, Cdr, USER_BYTES_MAX};
use crate::core::tenant::TenantId;
use crate::wire::json::{Object, write_seconds};

/// Appends the CDR to `into`, defaults left out. What [`check`] passes is read back as it was: `decode(encode(cdr)) == cdr`.
pub fn encode(cdr: &Cdr<'_>, into: &mut Vec<u8>) {
    let mut object = Object::open(into);
    object.text("call_id", &cdr.call_id);
    object.text("tenant", &cdr.tenant);
    object.text("service", cdr.service.code());
    object.text("direction", cdr.direction.code());
    object.text("from", &cdr.from);
    object.text("to", &cdr.to);
    object.text("number_type", cdr.number_type.code());
    object.optional_text("user", cdr.user.as_deref());
    object.optional_text("plan", cdr.plan.as_deref());
    object.optional_text("usage_country", cdr.usage_country.as_ref().map(|country| country.as_str()));
    match cdr.times {
        CallTimes::Answered { at, duration } => {
            object.time("answered_at", at);
            write_seconds(duration, object.value("duration_seconds"));
        }
        CallTimes::Unanswered { ended_at } => {
            object.integer("duration_seconds", 0);
            object.time("ended_at", ended_at);
        }
    }
    if cdr.on_net {
        object.flag("on_net", true);
    }
    if let Some(part) = cdr.part {
        object.integer("part", part);
    }
    if !cdr.is_final {
        object.flag("final", false);
    }
    if !cdr.attributes.is_empty() {
        let mut attributes = object.object("attributes");
        cdr.attributes.iter().for_each(|(name, value)| attributes.text(name, value));
        attributes.close();
    }
    object.close();
}

/// Whether a CDR that was not read by [`decode`](super::decode) keeps the bounds of the form.
///
/// # Errors
/// `malformed`; the detail names the field.
pub fn check(cdr: &Cdr<'_>) -> Result<(), Rejected> {
    let bounded = |field: &str, text: &str, min: usize, max: usize| {
        let fits = (min..=max).contains(&text.len());
        if fits { Ok(()) } else { Err(Rejected::malformed(format_args!("{field}: not {min} to {max} bytes"))) }
    };
    let name = |field: &str, text: &str| {
        let fits = TenantId::is_valid(text);
        if fits { Ok(()) } else { Err(Rejected::malformed(format_args!("{field}: not 1 to 64 of [A-Za-z0-9._-]"))) }
    };
    bounded("call_id", &cdr.call_id, 1, CALL_ID_BYTES_MAX)?;
    name("tenant", &cdr.tenant)?;
    bounded("from", &cdr.from, 0, NUMBER_BYTES_MAX)?;
    bounded("to", &cdr.to, 0, NUMBER_BYTES_MAX)?;
    if let Some(user) = &cdr.user {
        bounded("user", user, 1, USER_BYTES_MAX)?;
    }
    if let Some(plan) = &cdr.plan {
        name("plan", plan)?;
    }
    // RFC 3339 has years of four digits.
    let first: Timestamp = "0000-01-01T00:00:00Z".parse().expect("a time");
    if cdr.started_at() < first {
        return Err(Rejected::malformed("answered_at: before the year 0"));
    }
    let bytes: usize = cdr.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
    if cdr.attributes.len() > ATTRIBUTES_MAX || bytes > ATTRIBUTE_BYTES_MAX {
        let bound = format_args!("attributes: more than {ATTRIBUTES_MAX}, or than {ATTRIBUTE_BYTES_MAX} bytes in all");
        return Err(Rejected::malformed(bound));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::core::cdr::{Direction, NumberType, Service};
    use crate::core::duration::CallDuration;
    use crate::wire::cdr::decode;

    fn any_time() -> impl Strategy<Value = Timestamp> {
        let (first, last) = (-62_167_219_200_000_000_000_i128, 253_402_207_200_000_000_000_i128);
        (first..last).prop_map(|nanos| Timestamp::from_nanosecond(nanos).expect("in the years of four digits"))
    }

    fn any_times() -> impl Strategy<Value = CallTimes> {
        let any_duration =
            (0_u64..=604_800_000_000).prop_map(|micros| CallDuration::from_micros(micros).expect("at most 7 days"));
        prop_oneof![
            (any_time(), any_duration).prop_map(|(at, duration)| CallTimes::Answered { at, duration }),
            any_time().prop_map(|ended_at| CallTimes::Unanswered { ended_at }),
        ]
    }

    prop_compose! {
        fn any_cdr()(
            (call_id, tenant, from, to) in (".{1,32}", "[A-Za-z0-9._-]{1,64}", ".{0,64}", "\\+?[0-9]{0,20}"),
            (service, direction) in (select(Service::ALL.to_vec()), select(Direction::ALL.to_vec())),
            number_type in select(NumberType::ALL.to_vec()),
            user in option::of(".{1,64}"),
            plan in option::of("[A-Za-z0-9._-]{1,64}"),
            country in option::of("[A-Z]{2}"),
            (on_net, part, is_final) in any::<(bool, Option<u32>, bool)>(),
            times in any_times(),
            attributes in btree_map(".{0,8}", ".{0,16}", 0..4),
        ) -> Cdr<'static> {
            Cdr {
                call_id: call_id.into(),
                tenant: tenant.into(),
                service,
                direction,
                from: from.into(),
                to: to.into(),
                number_type,
                user: user.map(Into::into),
                plan: plan.map(Into::into),
                usage_country: country.map(|country| country.parse().expect("two capitals")),
                on_net,
                part,
                is_final,
                times,
                attributes: attributes.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(cdr in any_cdr()) {
            prop_assert_eq!(check(&cdr), Ok(()));
            let mut json = Vec::new();
            encode(&cdr, &mut json);
            prop_assert_eq!(decode(&json), Ok(cdr));
        }
    }

    #[test]
    fn a_cdr_beyond_the_bounds_is_not_written() {
        let good = decode(br#"{"call_id":"c","tenant":"t","service":"calling","direction":"outbound","from":"","to":"1","number_type":"user","duration_seconds":0,"ended_at":"2026-11-20T10:15:30Z"}"#).expect("valid");
        let long = |len: usize| Some("x".repeat(len).into());
        let cases: [(&str, Cdr<'_>); 6] = [
            ("call_id", Cdr { call_id: "".into(), ..good.clone() }),
            ("tenant", Cdr { tenant: "a b".into(), ..good.clone() }),
            ("from", Cdr { from: "x".repeat(257).into(), ..good.clone() }),
            ("user", Cdr { user: long(257), ..good.clone() }),
            ("plan", Cdr { plan: long(65), ..good.clone() }),
            ("attributes", Cdr { attributes: vec![("a".into(), "x".repeat(1024).into())], ..good.clone() }),
        ];
        for (field, cdr) in cases {
            let detail = check(&cdr).expect_err(field).detail;
            assert!(detail.starts_with(&format!("{field}: ")), "{detail}");
            let mut json = Vec::new();
            encode(&cdr, &mut json);
            assert!(decode(&json).is_err(), "{field}: the reader has the same bound");
        }
    }
}
