// Most of a stream test's time is waiting, so more run at a time than there are processors. What measures the process is marked NonParallelizable.
[assembly: LevelOfParallelism(10)]
