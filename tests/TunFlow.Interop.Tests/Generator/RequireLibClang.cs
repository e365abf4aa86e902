using TunFlow.BindingGenerator.LibClang;

namespace TunFlow.Interop.Tests.Generator;

/// <summary>The generator's tests need what the generator needs; without it they say so instead of failing one by one.</summary>
[SetUpFixture]
internal sealed class RequireLibClang
{
    [OneTimeSetUp]
    public void Load()
    {
        try
        {
            LibClangLibrary.Load();
        }
        catch (DllNotFoundException e)
        {
            Assert.Ignore(e.Message);
        }
    }
}
