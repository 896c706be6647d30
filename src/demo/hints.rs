//! What a demo without a load says: where everything is, and what to try.

use super::stage::Stage;
use std::io::{self, Write};

/// Writes addresses and commands.
///
/// # Errors
/// When `out` cannot be written.
pub(super) fn write(stage: &Stage, out: &mut impl Write) -> io::Result<()> {
    let (proxy, admin) = (stage.proxy_address, stage.admin_address);
    writeln!(
        out,
        "proxy    http://{proxy}/    admin    http://{admin}/    pid {}",
        stage.proxy_id()
    )?;
    for back_end in &stage.back_ends {
        let (name, address, speed) = (&back_end.name, back_end.address, back_end.speed);
        writeln!(out, "{name}    http://{address}/    speed {speed:.1}")?;
    }
    let first = stage
        .back_ends
        .first()
        .map_or(proxy, |back_end| back_end.address);
    let (next, models) = (stage.next_model(), stage.models());
    let (next, models, pid) = (next.display(), models.display(), stage.proxy_id());
    writeln!(
        out,
        "
one request          curl -i http://{proxy}/api/products
a load               wrk -t1 -c16 -d10s http://{proxy}/
who gets how much    curl -s http://{admin}/metrics | grep lb_upstream_requests_total
make one slow        curl -X POST http://{first}/faults -d '{{\"kind\":\"slow\",\"factor\":8}}'
make it fail fast    curl -X POST http://{first}/faults -d '{{\"kind\":\"fast_fail\",\"rate\":1.0}}'
heal it              curl -X POST http://{first}/faults -d '{{\"kind\":\"recover\"}}'
reload the model     mv {next} {models}/ && kill -HUP {pid}; curl -s http://{admin}/policy
the end              Ctrl-C"
    )
}
