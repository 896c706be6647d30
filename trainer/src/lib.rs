//! Trains models: gathers decisions in simulation, fits a network to what they truly cost,
//! chooses by closed-loop validation and exports.
