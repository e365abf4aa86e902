using TunFlow.Interop;

namespace TunFlow.PacketScripts;

internal static class NativeLibraryRequirement
{
    /// <summary>Skips the test with the loader's reason where the native library wasn't built; a library that is there and refused fails it.</summary>
    public static void Check()
    {
        if (NativeLibraryInfo.IsSupported)
            return;
        if (NativeLibrarySearch.ForThisProcess().Candidates.Any(File.Exists))
            Assert.Fail(NativeLibraryInfo.UnsupportedReason!);
        Assert.Ignore(NativeLibraryInfo.UnsupportedReason ?? "no native library");
    }
}
