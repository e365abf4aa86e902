using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;
using TunFlow.Benchmarks;

// In this process: the repository's build rules are not made for projects that a benchmark generates.
Job job = Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithStrategy(BenchmarkDotNet.Engines.RunStrategy.Throughput)
    .WithWarmupCount(3).WithIterationCount(8).WithIterationTime(TimeInterval.FromMilliseconds(250));
string directory = args is ["--output", string given, ..] ? given : Path.GetFullPath("build/benchmarks");
IConfig config = ManualConfig.CreateEmpty()
    .AddJob(job)
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddColumn(TargetMethodColumn.Type, TargetMethodColumn.Method, StatisticColumn.Median, StatisticColumn.StdDev)
    .AddColumnProvider(DefaultColumnProviders.Params, DefaultColumnProviders.Metrics)
    .AddExporter(MarkdownExporter.GitHub)
    .AddLogger(ConsoleLogger.Default)
    .WithArtifactsPath(directory)
    .WithOptions(ConfigOptions.JoinSummary | ConfigOptions.DisableLogFile);
string[] rest = args is ["--output", _, ..] ? args[2..] : args;
IEnumerable<Summary> summaries = BenchmarkSwitcher.FromAssembly(typeof(StreamBenchmarks).Assembly).Run(rest.Length == 0 ? ["--filter", "*"] : rest, config);

// One that failed or measured nothing is no result.
Summary[] all = [.. summaries];
return all.Length != 0 && all.All(static summary => !summary.HasCriticalValidationErrors && summary.Reports.All(static report => report.Success)) ? 0 : 1;
