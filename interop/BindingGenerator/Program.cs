using TunFlow.BindingGenerator;
using TunFlow.BindingGenerator.LibClang;

return GeneratorCommand.Run(args, options => new LibClangHeaderParser(options), Console.Out, Console.Error);
