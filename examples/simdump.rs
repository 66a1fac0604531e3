//! scratch
use agentphone::{
    driver::clock,
    line::{simulated::*, *},
    provider::flite::Flite,
};
use std::{sync::Arc, time::Duration};
fn main() {
    let rt = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let name = std::env::args().nth(1).unwrap();
    let out = std::env::args().nth(2).unwrap();
    rt.block_on(async {
        let line = SimulatedLine::new(SimulatedOptions::default(), Arc::new(Flite));
        let mut leg = line
            .dial(DialRequest {
                to: "+1".into(),
                ring_timeout: Duration::from_secs(30),
                seed: 1,
                scenario: Some(name),
                callee_audio: None,
            })
            .await
            .unwrap();
        let start = clock::now();
        let mut bytes: Vec<i16> = vec![];
        let mut first = None;
        let mut quiet = 0;
        let mut hums = 0;
        let mut spoke = true;
        let mut seq = 0u16;
        while let Some(e) = leg.events.recv().await {
            match e {
                LegEvent::Packet(p) => {
                    let f = *first.get_or_insert(p.timestamp);
                    let at = p.timestamp.wrapping_sub(f) as usize;
                    if at > 8000 * 200 {
                        continue;
                    }
                    if bytes.len() < at + 160 {
                        bytes.resize(at + 160, 0);
                    }
                    let mut s = [0i16; 160];
                    leg.codec.decode(p.payload(), &mut s);
                    bytes[at..at + 160].copy_from_slice(&s);
                    let rms = (s.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / 160.0).sqrt();
                    if rms > 1200.0 {
                        quiet = 0;
                        spoke = true
                    } else {
                        quiet += 1
                    }
                    if quiet == 40 && spoke && hums == 0 {
                        hums = 100;
                        spoke = false;
                        println!("{:?} agent hums", clock::now() - start);
                    }
                    if hums > 0 {
                        hums -= 1;
                        quiet = 0;
                        seq += 1;
                        let t: Vec<i16> = (0..160)
                            .map(|i| ((i as f32) * 0.3).sin() as f64 as f32 * 5000.0)
                            .map(|x| x as i16)
                            .collect();
                        let mut b = [0u8; 160];
                        leg.codec.encode(&t, &mut b);
                        let _ = leg
                            .commands
                            .send(LegCommand::Packet(media::Packet::new(seq, 0, &b).unwrap()))
                            .await;
                    }
                }
                other => println!("{:?} {other:?}", clock::now() - start),
            }
        }
        let f = media::wav::Format {
            channels: 1,
            rate: 8000,
        };
        let mut w = media::wav::header(f, bytes.len() as u64 * 2).to_vec();
        w.extend(bytes.iter().flat_map(|s| s.to_le_bytes()));
        std::fs::write(out, w).unwrap();
    });
}
