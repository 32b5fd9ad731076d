//! The book on the loopback, for a browser on this host.
//!
//! In a process that makes no container: the server's own machinery is no business of one that clones.

use super::Error;
use crate::sys;
use axum::Router;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::path::Path;
use tower_http::services::{ServeDir, ServeFile};

/// A book that is about to be served.
pub struct Served {
    listeners: Vec<TcpListener>,
    port: u16,
}

impl Served {
    /// Takes the port on the loopback, IPv4 and, where there is one, IPv6; 0 stands for any that is free.
    ///
    /// # Errors
    /// When it is taken.
    pub fn listen(port: u16) -> Result<Served, Error> {
        let first =
            bound(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).map_err(|error| Error::Port { port, error })?;
        let port = first.local_addr().map_err(Error::Server)?.port();
        let second = match bound(SocketAddr::from((Ipv6Addr::LOCALHOST, port))) {
            Ok(listener) => Some(listener),
            Err(error) if is_without_ipv6(&error) => None,
            // `localhost` is this address first: a browser would show whoever has it.
            Err(error) => return Err(Error::Port { port, error }),
        };
        Ok(Served { listeners: [Some(first), second].into_iter().flatten().collect(), port })
    }

    /// Where a browser finds it.
    pub fn address(&self) -> String {
        format!("http://localhost:{}/", self.port)
    }
}

/// Whether a host has no address of the newer kind, not even on the loopback: switched off, or not in the kernel.
fn is_without_ipv6(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(sys::Errno::EAFNOSUPPORT as i32)
}

fn bound(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves the site in `folder` until someone asks this process to end.
///
/// # Errors
/// When the server's machinery cannot be set up.
pub fn serve(folder: &Path, served: Served, signals: &sys::SignalFd) -> Result<(), Error> {
    let files = ServeDir::new(folder).not_found_service(ServeFile::new(folder.join("404.html")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(Error::Server)?;
    let entered = runtime.enter();
    for listener in served.listeners {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Error::Server)?;
        let router = Router::new().fallback_service(files.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
    }
    drop(entered);
    // On a thread of its own, so that this one can wait for a signal. The thread ends with the process.
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    until_asked_to_end(signals).map_err(|errno| Error::Server(errno.into()))
}

/// Comes back when a signal asks this process to end. Others, such as that of a window's new size, are passed over.
fn until_asked_to_end(signals: &sys::SignalFd) -> Result<(), sys::Errno> {
    loop {
        sys::poll_readable(&[signals.as_fd()], None)?;
        while let Some(signal) = signals.read_signal()? {
            if sys::ASK_TO_END.contains(&signal.ssi_signo.cast_signed()) {
                return Ok(());
            }
        }
    }
}
