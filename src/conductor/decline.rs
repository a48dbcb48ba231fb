//! Why the conductor sends a launch to plain Julia: the whole list.

use std::fmt;

/// A reason that the client prints in its trace and `jlapp daemon status` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Decline {
    /// A worker for this Julia and these switches is being made.
    Booting,
    /// All workers that are used once are in use.
    NoSpare,
    /// The session runs another launch, and this one does not wait.
    SessionBusy,
    /// Workers of this Julia cannot be started; tried again later.
    CannotBoot,
    /// This Julia does not know a switch that was used.
    SwitchOfOtherVersion,
    /// The Julia to run does not exist.
    NoJulia,
    /// There is no such app, or its record cannot be read.
    NoApp,
    /// An app whose flags ask for a session.
    Interactive,
    /// On a terminal: a program that names what opens its controlling terminal.
    ControllingTerminal,
    /// The client runs in other namespaces, or below another root folder.
    Namespaces,
    /// Other user, groups, capabilities, seccomp mode, no-new-privileges or security label.
    Credentials,
    /// A hard limit above the workers'.
    Limits,
    /// A scheduling policy, priority or set of processors that a worker cannot take.
    Scheduling,
    /// A control group whose limits the program would escape.
    ControlGroup,
    /// What the client said could not be understood.
    Malformed,
    /// Too many different workers would be needed at once.
    TooManyWorkers,
    /// `jlapp daemon drain`.
    Draining,
}

impl Decline {
    /// For people, where there is no more to be said.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Booting => "a worker for it is being made",
            Self::NoSpare => "each worker runs one program, and the next is not ready yet",
            Self::SessionBusy => "its session runs another launch",
            Self::CannotBoot => "its Julia could not be started as a worker; see the log",
            Self::SwitchOfOtherVersion => "its Julia is to answer a switch itself",
            Self::NoJulia => "there is no such Julia",
            Self::NoApp => "there is no such app",
            Self::Interactive => "it is interactive",
            Self::ControllingTerminal => "it names a program that may ask on its controlling terminal",
            Self::Namespaces => "it runs in other namespaces than the daemon, or below another root folder",
            Self::Credentials => "it has another user, other groups, capabilities or restrictions than the daemon",
            Self::Limits => "it has a hard limit above the daemon's",
            Self::Scheduling => "it has a scheduling policy, priority or processors that a worker cannot take",
            Self::ControlGroup => "it is in a control group with limits",
            Self::Malformed => "its client could not be understood",
            Self::TooManyWorkers => "too many different workers run programs",
            Self::Draining => "the daemon is about to end",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Booting => "booting",
            Self::NoSpare => "no-spare",
            Self::SessionBusy => "session-busy",
            Self::CannotBoot => "cannot-boot",
            Self::SwitchOfOtherVersion => "switch-of-other-version",
            Self::NoJulia => "no-julia",
            Self::NoApp => "no-app",
            Self::Interactive => "interactive",
            Self::ControllingTerminal => "controlling-terminal",
            Self::Namespaces => "namespaces",
            Self::Credentials => "credentials",
            Self::Limits => "limits",
            Self::Scheduling => "scheduling",
            Self::ControlGroup => "control-group",
            Self::Malformed => "malformed",
            Self::TooManyWorkers => "too-many-workers",
            Self::Draining => "draining",
        }
    }
}

/// A reason, and more about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declined {
    pub(super) reason: Decline,
    pub(super) why: String,
}

impl From<Decline> for Declined {
    fn from(reason: Decline) -> Self {
        Self { reason, why: reason.words().to_owned() }
    }
}

impl fmt::Display for Decline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
