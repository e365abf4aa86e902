using System.Runtime.Versioning;

// Tests that need Linux say so to the runner; the analyzer need not say it again.
[assembly: SupportedOSPlatform("linux")]
