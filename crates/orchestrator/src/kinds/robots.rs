//! What robots are, and how they sign in. This is a leaf: it knows nothing else of the crate.

use odata::edm_enum;

edm_enum! {
    /// The runtime a robot or job uses.
    pub enum RobotType {
        NonProduction = 0, Attended = 1, Unattended = 2, Development | Studio | RpaDeveloper = 3,
        StudioX | CitizenDeveloper = 4, Headless = 5, StudioPro | RpaDeveloperPro = 6,
        TestAutomation = 7, AutomationCloud = 8, Serverless = 9,
        AutomationKit = 10, ServerlessTestAutomation = 11, AutomationCloudTestAutomation = 12,
        AttendedStudioWeb = 13, Hosting = 14, AssistantWeb = 15, ProcessOrchestration = 16,
        AgentService = 17, AppTest = 18, PerformanceTest = 19
    }
}
edm_enum! {
    /// How a robot signs in to its host.
    pub enum CredentialType { Default = 0, SmartCard = 1, NCipher = 2, SafeNet = 3, NoCredential = 4 }
}

impl RobotType {
    /// Whether a person works with robots of this kind.
    #[must_use]
    pub fn is_for_people(self) -> bool {
        matches!(
            self,
            Self::Attended
                | Self::Development
                | Self::StudioX
                | Self::StudioPro
                | Self::AttendedStudioWeb
                | Self::AssistantWeb
        )
    }
}
