namespace TunFlow.BindingGenerator.Model;

/// <summary>The header can not be bound; <see cref="Errors"/> names every reason in source order.</summary>
internal sealed class HeaderException : Exception
{
    public HeaderException(IReadOnlyList<HeaderError> errors)
        : base(string.Join('\n', errors)) =>
        Errors = errors;

    public IReadOnlyList<HeaderError> Errors { get; }
}
