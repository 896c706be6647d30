//! Rules of the domain, without store and time.
