//! Trains models: gathers decisions in simulation, fits a network to what they truly cost,
//! chooses by closed-loop validation and exports. Also fits to logged decisions.
//!
//! The modules are declared in reading order, and each one imports only modules declared above
//! it.

pub mod settings;
pub mod seeds;
pub mod source;
pub mod progress;
pub mod weights;
pub mod dataset;
pub mod adam;
pub mod forward;
pub mod fit;
pub mod recorder;
pub mod behavior;
pub mod gather;
pub mod validate;
pub mod finetune;
pub mod work_folder;
pub mod member;
pub mod train;
pub mod curve;
pub mod publish;
pub mod log_data;
pub mod log_fit;
