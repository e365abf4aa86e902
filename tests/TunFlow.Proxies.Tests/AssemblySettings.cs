// Most of a stream test's time is waiting, so more of the fixtures marked SideBySide run at a time than there are processors.
[assembly: LevelOfParallelism(10)]
