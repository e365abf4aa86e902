namespace TunFlow.Api.Tests.Acceptance;

/// <summary>What a tag refers to.</summary>
internal enum PromiseKind
{
    /// <summary>A weakness of the Go original.</summary>
    Weakness,

    /// <summary>A row of the acceptance plan.</summary>
    Row,
}
