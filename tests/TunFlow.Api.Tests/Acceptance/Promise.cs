namespace TunFlow.Api.Tests.Acceptance;

/// <summary>Something that tests have to show.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Trouble">What the Go original does wrong; or the fault or load.</param>
/// <param name="Answer">What holds here.</param>
/// <param name="IsRequired">Whether a test must exist.</param>
/// <param name="Open">What nothing shows yet, and why; null if that is nothing.</param>
internal sealed record Promise(int Number, string Trouble, string Answer, bool IsRequired = true, string? Open = null);
