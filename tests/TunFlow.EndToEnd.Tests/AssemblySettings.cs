using System.Runtime.Versioning;

// Namespaces and timings do not go together with neighbours.
[assembly: NonParallelizable]
[assembly: Category("EndToEnd")]
[assembly: SupportedOSPlatform("linux")]
