using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace TunFlow.Interop.Tests.Stacks;

/// <summary>The library of this build; ignored with the loader's reason where it was not built.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class RealLibraryTests
{
    [SetUp]
    public void RequireLibrary()
    {
        // A library that is there but refused is a failure, not a reason to look away.
        if (!NativeLibrarySearch.ForThisProcess().Candidates.Any(File.Exists))
            Assert.Ignore(NativeLibraryInfo.UnsupportedReason ?? "linked in");
    }

    [Test]
    public void A_library_that_is_there_is_supported()
    {
        Assert.That(NativeLibraryInfo.UnsupportedReason, Is.Null);
        Assert.That(NativeLibraryInfo.StackLimit, Is.GreaterThan(0));
    }

    [Test]
    public void Every_bound_function_is_exported()
    {
        var library = NativeLibrary.Load(NativeLibraryInfo.LibraryPath!);
        var functions = typeof(NativeMethods)
            .GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
            .Select(method => method.Name)
            .Where(name => name.StartsWith("tf_", StringComparison.Ordinal))
            .ToList();

        Assert.That(functions, Has.Count.GreaterThan(30));
        Assert.That(functions.Where(name => !NativeLibrary.TryGetExport(library, name, out _)), Is.Empty);
    }

    [Test]
    public void All_stacks_can_be_taken_and_given_back()
    {
        var finalized = StackHandleStatistics.Finalized;
        var alive = StackHandleStatistics.Alive;
        for (var round = 0; round < 2; round++)
        {
            var handles = Enumerable.Range(0, NativeLibraryInfo.StackLimit).Select(_ => Create()).ToList();
            Assert.That(handles.Select(h => h.Index), Is.Unique);
            Assert.That(StackHandle.TryCreate(Config(), 0, out _), Is.EqualTo(TfStatus.ELimit));
            handles.ForEach(h => h.Dispose());
        }

        Assert.That((StackHandleStatistics.Alive, StackHandleStatistics.Leaked), Is.EqualTo((alive, 0L)));
        Assert.That(StackHandleStatistics.Finalized, Is.EqualTo(finalized));
    }

    [Test]
    public void A_destroyed_stack_is_stale()
    {
        var handle = Create();
        var index = handle.Index;
        Assert.That(NativeMethods.tf_stack_set_mtu(index, 1400), Is.Zero);

        handle.Dispose();

        Assert.That((TfStatus)NativeMethods.tf_stack_set_mtu(index, 1400), Is.EqualTo(TfStatus.EStale));
    }

    [Test]
    public unsafe void A_new_stack_is_idle_and_empty()
    {
        using var handle = Create();
        TfStats native;
        var status = NativeMethods.tf_stack_get_stats(handle.Index, &native);
        var stats = native;

        Assert.Multiple(() =>
        {
            Assert.That((TfStatus)status, Is.EqualTo(TfStatus.Ok));
            Assert.That(NativeMethods.tf_stack_deadline(handle.Index), Is.EqualTo(NativeMethods.TF_NO_DEADLINE));
            Assert.That(NativeMethods.tf_output_pending(handle.Index), Is.Zero);
            Assert.That((stats.Flows, stats.Sessions, stats.PacketsIn), Is.EqualTo((0u, 0u, 0ul)));
        });
    }

    [Test]
    public void A_configuration_out_of_range_is_refused()
    {
        var config = Config();
        config.Mtu = 100;

        Assert.That(StackHandle.TryCreate(config, 0, out var handle), Is.EqualTo(TfStatus.EInvalid));
        Assert.That(handle, Is.Null);
    }

    private static StackHandle Create()
    {
        Assert.That(StackHandle.TryCreate(Config(), 0, out var handle), Is.EqualTo(TfStatus.Ok));
        return handle!;
    }

    private static unsafe TfConfig Config()
    {
        TfConfig config;
        NativeMethods.tf_config_default(&config);
        RandomNumberGenerator.Fill(config.Secret);
        return config;
    }
}
