//! `stopcheck serve`: the reference on a port.

use std::io::Write as _;
use std::sync::Arc;

use super::args::ServeArgs;
use super::error::CliError;
use super::keys::variable;
use super::run::wait_for_signal;
use super::{selfcheck, variations};
use crate::embedded;
use crate::endpoint::{self, Handler};
use crate::reference::{AccessKey, Config, Delays, Reference, Throttle, XmlLayout, keys};
use crate::report::exit;
use crate::selfcheck::emulator;

pub(super) async fn serve(args: ServeArgs) -> Result<u8, CliError> {
    let variations = variations::set_of(&args.variations)?;
    let address = std::net::SocketAddr::new(args.bind, args.port);
    let failed = |source| CliError::Listen {
        address: address.to_string(),
        source,
    };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let mut config = Config {
        region: args.region.clone(),
        rules: embedded::rules(args.edition.into()),
        layout: if args.indented {
            XmlLayout::Indented
        } else {
            XmlLayout::Compact
        },
        variations,
        ..if args.like_aws {
            Config::like_aws()
        } else {
            Config::default()
        }
    };
    if args.instant {
        config.delays = Delays::NONE;
    }
    if let Some(every) = args.throttle_every {
        config.throttle = Some(Throttle::Every(u64::from(every)));
    }
    config.keys.extend(own_key());
    let handler: Handler = match &args.fault {
        Some(name) => emulator::handler(config, selfcheck::named(name)?.hook),
        None => {
            let reference = Reference::new(config);
            Arc::new(move |request, now_ms| reference.handle(request, now_ms))
        }
    };
    announce(&address, &args.region)?;
    endpoint::serve(listener, handler, wait_for_signal())
        .await
        .map_err(CliError::Serve)?;
    Ok(exit::CONFORMANT)
}

/// The caller's own key, so that a shell with a key in its environment needs no other.
fn own_key() -> Option<AccessKey> {
    Some(AccessKey {
        access_key: variable("AWS_ACCESS_KEY_ID")?,
        secret: variable("AWS_SECRET_ACCESS_KEY")?,
        session_token: variable("AWS_SESSION_TOKEN"),
        expires_at_ms: None,
        may_stop: true,
    })
}

/// Prints the address and the keys, as lines that a shell can evaluate.
fn announce(address: &std::net::SocketAddr, region: &str) -> Result<(), CliError> {
    let (main, denied) = (keys::MAIN, keys::DENIED);
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    writeln!(out, "export AWS_ENDPOINT_URL_EC2=http://{address}")?;
    writeln!(out, "export AWS_REGION={region}")?;
    writeln!(out, "export AWS_ACCESS_KEY_ID={}", main.access_key)?;
    writeln!(out, "export AWS_SECRET_ACCESS_KEY={}", main.secret)?;
    writeln!(out, "export STOPCHECK_DENIED_ACCESS_KEY_ID={}", denied.access_key)?;
    writeln!(out, "export STOPCHECK_DENIED_SECRET_ACCESS_KEY={}", denied.secret)?;
    out.flush()?;
    Ok(())
}
