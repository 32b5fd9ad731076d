//! The book on the loopback, for a browser on this host.
//!
//! In a process that makes no container: the server's own machinery is no business of one that clones.

use super::Error;
use crate::sys;
use axum::Router;
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
        let mut listeners = vec![first];
        // A host without IPv6 has one address less.
        listeners.extend(bound(SocketAddr::from((Ipv6Addr::LOCALHOST, port))));
        Ok(Served { listeners, port })
    }

    /// Where a browser finds it.
    pub fn address(&self) -> String {
        format!("http://localhost:{}/", self.port)
    }
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
    // On a thread of its own, so that this one can wait for a signal. The thread ends with the process.
    std::thread::spawn(move || {
        runtime.block_on(async {
            for listener in served.listeners {
                let router = Router::new().fallback_service(files.clone());
                if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                    tokio::spawn(async move { axum::serve(listener, router).await });
                }
            }
            std::future::pending::<()>().await;
        });
    });
    until_asked_to_end(signals).map_err(|errno| Error::Server(errno.into()))
}

/// Comes back when a signal asks this process to end. Others, such as that of a window's new size, are passed over.
fn until_asked_to_end(signals: &sys::SignalFd) -> Result<(), sys::Errno> {
    loop {
        sys::poll_readable(&[signals.as_fd()], None)?;
        if sys::end_is_asked_for().is_some() {
            return Ok(());
        }
        while signals.read_signal()?.is_some() {}
    }
}
