using TunFlow.Lwip.Tests.Leaks;

// One test at a time, so that each can be held to what it leaves behind.
[assembly: NonParallelizable]
[assembly: LeakCheck]
