//! The partition of a key as Java's default partitioner has it, for tests that want another one.

/// `murmur2(key) % partitions`, written after `org.apache.kafka.common.utils.Utils.murmur2`.
pub fn partition(key: &str, partitions: u32) -> u32 {
    (murmur2(key.as_bytes()) & 0x7fff_ffff) % partitions
}

fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mix = |k: u32| {
        let k = k.wrapping_mul(M);
        (k ^ (k >> 24)).wrapping_mul(M)
    };
    let mut h = 0x9747_b28c ^ u32::try_from(data.len()).expect("keys are short");
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let k = u32::from_le_bytes(word.try_into().expect("four bytes"));
        h = h.wrapping_mul(M) ^ mix(k);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let mut tail = [0; 4];
        tail[..rest.len()].copy_from_slice(rest);
        h = (h ^ u32::from_le_bytes(tail)).wrapping_mul(M);
    }
    h = (h ^ (h >> 13)).wrapping_mul(M);
    h ^ (h >> 15)
}

#[test]
fn keys_go_where_java_sends_them() {
    // The expected values of Kafka's own UtilsTest.
    let cases: [(&str, i32); 5] = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
    ];
    for (key, expected) in cases {
        assert_eq!(murmur2(key.as_bytes()).cast_signed(), expected, "{key}");
    }
}
